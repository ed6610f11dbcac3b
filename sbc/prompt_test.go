package sbc_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// prompt is a store that may wait, and says so (err) where it would have to.
type prompt struct {
	*recorder
	err error
}

func newPrompt() *prompt {
	s := &prompt{recorder: newRecorder(1 << 20)}
	s.traits = backend.Traits{Blocking: true, Volatile: true}
	return s
}

func (s *prompt) ReadvNow(iov [][]byte, off int64) error {
	s.enter("now: read", off, length(iov), false)
	s.mu.Unlock()
	return s.err
}

func (s *prompt) WritevNow(iov [][]byte, off int64) error {
	s.enter("now: write", off, length(iov), false)
	s.mu.Unlock()
	return s.err
}

// prompts are the commands that need not go to a worker, and what a store is asked for them where it answers at once.
var prompts = map[string]struct{ cdb, asked string }{
	"READ (6)":   {"08 000002 01 00", "read 1024+512"},
	"READ (10)":  {"28 00 00000002 00 0001 00", "read 1024+512"},
	"READ (12)":  {"a8 00 00000002 00000001 00 00", "read 1024+512"},
	"READ (16)":  {"88 00 0000000000000002 00000001 00 00", "read 1024+512"},
	"WRITE (6)":  {"0a 000002 01 00", "write 1024+512"},
	"WRITE (10)": {"2a 00 00000002 00 0001 00", "write 1024+512"},
	"WRITE (12)": {"aa 00 00000002 00000001 00 00", "write 1024+512"},
	"WRITE (16)": {"8a 00 0000000000000002 00000001 00 00", "write 1024+512"},
}

// oneOf is a command of one block that is to be carried out at once, or later.
func oneOf(cdb string, atOnce bool) *scsi.Command {
	return &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{make([]byte, 512)}, AtOnce: atOnce}
}

func TestPrompt(t *testing.T) {
	wouldWait := fmt.Errorf("it is not in the page cache: %w", syscall.EAGAIN)
	for name, p := range prompts {
		t.Run(name, func(t *testing.T) {
			s := newPrompt()
			reported := 0
			d := newDisk(t, s, func(c *sbc.Config) { c.Report = func(*scsi.Command, error) { reported++ } })
			require.True(t, d.Do(oneOf(p.cdb, true)).OK())
			require.Equal(t, []string{"now: " + p.asked}, s.took())

			s.err = wouldWait
			require.Equal(t, scsi.Later, d.Do(oneOf(p.cdb, true)))
			require.Equal(t, []string{"now: " + p.asked}, s.took())
			require.True(t, d.Do(oneOf(p.cdb, false)).OK(), "who may wait does not ask")
			require.Equal(t, []string{p.asked}, s.took())
			require.Zero(t, reported, "to wait is no error")

			s.err = errBroken
			require.Equal(t, scsi.MediumError, d.Do(oneOf(p.cdb, true)).Key)
			require.Equal(t, 1, reported)
		})
	}
}

// What has to get to the medium, or from it, waits for it.
func TestWhatIsForcedIsNotPrompt(t *testing.T) {
	for name, test := range map[string]struct {
		cdb   string
		asked []string // later
	}{
		"READ (10) with FUA":  {"28 08 00000002 00 0001 00", []string{"flush", "read 1024+512"}},
		"READ (16) with FUA":  {"88 08 0000000000000002 00000001 00 00", []string{"flush", "read 1024+512"}},
		"WRITE (10) with FUA": {"2a 08 00000002 00 0001 00", []string{"write 1024+512 durable"}},
		"WRITE (16) with FUA": {"8a 08 0000000000000002 00000001 00 00", []string{"write 1024+512 durable"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPrompt()
			d := newDisk(t, s)
			require.Equal(t, scsi.Later, d.Do(oneOf(test.cdb, true)))
			require.Empty(t, s.took())
			require.True(t, d.Do(oneOf(test.cdb, false)).OK())
			require.Equal(t, test.asked, s.took())
		})
	}
	s := newPrompt()
	d := newDisk(t, s, writeThrough)
	require.Equal(t, scsi.Later, d.Do(oneOf(prompts["WRITE (10)"].cdb, true)))
	require.Empty(t, s.took())
	require.True(t, d.Do(oneOf("28 08 00000002 00 0001 00", true)).OK(), "there is nothing that would have to be flushed")
	require.Equal(t, []string{"now: read 1024+512"}, s.took())
}

// A store in memory makes nobody wait, whatever is asked of it.
func TestMemoryIsPrompt(t *testing.T) {
	s := newRecorder(1 << 20)
	s.traits = backend.Traits{Volatile: true}
	d := newDisk(t, s)
	for _, cdb := range []string{prompts["READ (16)"].cdb, prompts["WRITE (16)"].cdb, "28 08 00000002 00 0001 00", "2a 08 00000002 00 0001 00"} {
		require.True(t, d.Do(oneOf(cdb, true)).OK(), cdb)
	}
	require.Equal(t, []string{"read 1024+512", "write 1024+512", "flush", "read 1024+512", "write 1024+512 durable"}, s.took())
}

// meddler is a store in memory that lets somebody in between before it writes, once.
type meddler struct {
	*recorder
	meddle func()
}

func (m *meddler) Writev(iov [][]byte, off int64, durable bool) error {
	if f := m.meddle; f != nil {
		m.meddle = nil
		f()
	}
	return m.recorder.Writev(iov, off, durable)
}

// Who would have to wait for one that owns his blocks does not wait either, in no lane; elsewhere nobody is in the way.
func TestOwnedBlocksAreNotPrompt(t *testing.T) {
	for _, reservations := range []bool{false, true} {
		s := &meddler{recorder: newRecorder(4 << 20)}
		d := newDisk(t, s, func(c *sbc.Config) { c.Reservations = reservations })
		tried := 0
		s.meddle = func() {
			for i := range 20 { // more than there are lanes
				n := d.Join(fmt.Sprint("host ", i))
				for name, p := range prompts {
					c := oneOf(p.cdb, true)
					c.Nexus = n
					require.Equal(t, scsi.Later, d.Do(c), name)
					tried++
				}
				elsewhere := oneOf("28 00 00001000 00 0001 00", true) // 2 MiB further on
				elsewhere.Nexus = n
				require.True(t, d.Do(elsewhere).OK())
			}
		}
		swap := &scsi.Command{CDB: scsitest.Hex(compareAndWrite(0, 2, 1)), Data: scsi.Buffer{make([]byte, 1024)}}
		require.True(t, d.Do(swap).OK())
		require.Equal(t, 20*len(prompts), tried)
		for name, p := range prompts {
			require.True(t, d.Do(oneOf(p.cdb, true)).OK(), name)
		}
	}
}

// TestPromptDoesNotAllocate, neither where it is done at once nor where it is not.
func TestPromptDoesNotAllocate(t *testing.T) {
	for name, store := range speedStores(t) {
		d := newDisk(t, store)
		for what, c := range speedCommands() {
			for _, fua := range []byte{0x00, 0x08} {
				c.AtOnce, c.CDB[1] = true, fua
				require.Zero(t, testing.AllocsPerRun(100, func() {
					if r := d.Do(c); !r.OK() && !r.IsLater() {
						t.Fatal(r)
					}
				}), "%s of %s", what, name)
			}
		}
	}
}
