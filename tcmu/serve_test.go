package tcmu

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// attach begins to serve k, until the test ends.
func attach(t testing.TB, k *tcmutest.Kernel, h scsi.Handler, o Options) *Device {
	t.Helper()
	mem, fd, err := k.Open()
	require.NoError(t, err)
	d, err := Attach(Port{Name: t.Name(), Memory: mem, FD: fd}, h, o)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, d) })
	return d
}

// stop stops d in a reasonable time.
func stop(t testing.TB, d *Device) Mark {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	left, err := d.Stop(ctx)
	require.NoError(t, err)
	return left
}

// memory is the simplest disk: READ (10) and WRITE (10) of 512-byte blocks, at the LBA in bytes 2 to 5.
type memory []byte

func (m memory) Do(c *scsi.Command) scsi.Result {
	if op := c.CDB[0]; op != 0x28 && op != 0x2a {
		return scsi.InvalidCommandOperationCode
	}
	lba := c.Uint(scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 4)) * 512
	n := c.Uint(scsi.Bytes("TRANSFER LENGTH", 7, 2)) * 512
	if c.CDB[0] == 0x28 {
		c.Reply(m[lba : lba+n])
	} else {
		c.Data.Read(m[lba:lba+n], 0)
	}
	return scsi.Result{}
}

func read10(lba, blocks int) []byte {
	return []byte{0x28, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, byte(blocks >> 8), byte(blocks), 0}
}

func write10(lba, blocks int) []byte {
	p := read10(lba, blocks)
	p[0] = 0x2a
	return p
}

// ways are the ways of running commands.
var ways = []struct {
	name string
	opts Options
}{
	{"inline", Options{}},
	{"workers", Options{Workers: 4}},
}

func TestWriteAndReadBack(t *testing.T) {
	for _, way := range ways {
		for _, scatter := range []bool{false, true} {
			t.Run(way.name, func(t *testing.T) {
				k := tcmutest.New(t, tcmutest.Config{Scatter: scatter})
				attach(t, k, make(memory, 1<<20), way.opts)
				data := bytes.Repeat([]byte("0123456789abcdef"), 1280) // 40 blocks, 5 pages
				w := &tcmutest.Command{CDB: write10(7, 40), Out: data}
				k.Do(w)
				require.Equal(t, scsi.Good, scsi.Status(w.Status))
				r := &tcmutest.Command{CDB: read10(7, 40), In: len(data)}
				k.Do(r)
				require.Equal(t, scsi.Good, scsi.Status(r.Status))
				require.Equal(t, data, r.Data)
			})
		}
	}
}
