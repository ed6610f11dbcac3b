package tcmu

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

func TestPanicInTheHandler(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			var log bytes.Buffer
			k := tcmutest.New(t, tcmutest.Config{})
			o := way.opts
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			d := attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
				if c.CDB[0] == 0xc1 {
					c.Reply([]byte("half an answer"))
					panic("so it goes")
				}
				return scsi.Result{}
			}), o)
			for range 100 {
				c := &tcmutest.Command{CDB: []byte{0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, In: 512}
				k.Do(c)
				require.Equal(t, scsi.CheckCondition, scsi.Status(c.Status))
				require.Equal(t, []byte{0x70, 0, 4}, c.Sense[:3])
				require.EqualValues(t, 0x44, c.Sense[12])
				require.Empty(t, c.Data)
			}
			c := &tcmutest.Command{CDB: make([]byte, 6)}
			k.Do(c)
			require.Equal(t, scsi.Good, scsi.Status(c.Status), "the device goes on")
			stop(t, d)
			require.EqualValues(t, 100, d.Stats().Panics)
			require.Equal(t, 7, strings.Count(log.String(), "so it goes"), "1, 2, 4 ... 64")
			require.True(t, strings.Contains(log.String(), `"c1 00 00 00 00 00 00 00 00 00"`), "the CDB")
			require.True(t, strings.Contains(log.String(), "panic_test.go"), "the stack")
		})
	}
}

// A page of the data area that is not there any more is the command's misfortune, not the daemon's.
func TestFaultInTheDataArea(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{Blocks: 2})
			mem, fd, err := k.Open()
			require.NoError(t, err)
			require.NoError(t, unix.Mprotect(mem[len(mem)-tcmutest.BlockSize:], unix.PROT_NONE))
			d, err := Attach(Port{Name: "fault", Memory: mem, FD: fd}, make(memory, 1<<20), way.opts)
			require.NoError(t, err)
			t.Cleanup(func() { stop(t, d) })
			c := &tcmutest.Command{CDB: read10(0, 16), In: 2 * tcmutest.BlockSize}
			k.Do(c)
			require.Equal(t, []byte{0x70, 0, 4}, c.Sense[:3])
			c = &tcmutest.Command{CDB: read10(0, 8), In: tcmutest.BlockSize}
			k.Do(c)
			require.Equal(t, scsi.Good, scsi.Status(c.Status))
			require.EqualValues(t, 1, d.Stats().Panics)
		})
	}
}
