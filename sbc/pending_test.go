package sbc_test

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
)

// delegating is a store that would always have to wait, and whose I/O an Engine can do.
type delegating struct {
	*prompt
	reading *int // what an Engine has begun to read, and of which nobody has told that it has ended
}

func newDelegating() delegating {
	s := delegating{newPrompt(), new(int)}
	s.err = syscall.EAGAIN
	return s
}

func (s delegating) DelegateRead(e backend.Engine, iov [][]byte, off int64) bool {
	if !e.Read(-1, iov, off) {
		return false
	}
	*s.reading++
	return true
}

func (s delegating) DelegatedReadEnded([][]byte, int64) { *s.reading-- }

func (s delegating) DelegateWrite(e backend.Engine, iov [][]byte, off int64) bool {
	return e.Write(-1, iov, off)
}

// willing is an Engine that begins whatever it is asked for, or nothing.
type willing struct {
	s      delegating
	begins bool
}

func (e willing) Read(_ int, iov [][]byte, off int64) bool {
	e.s.enter("engine: read", off, length(iov), false)
	e.s.mu.Unlock()
	return e.begins
}

func (e willing) Write(_ int, iov [][]byte, off int64) bool {
	e.s.enter("engine: write", off, length(iov), false)
	e.s.mu.Unlock()
	return e.begins
}

func TestPending(t *testing.T) {
	for name, p := range prompts {
		t.Run(name, func(t *testing.T) {
			s := newDelegating()
			d := newDisk(t, s)
			c := oneOf(p.cdb, true)
			c.Engine = willing{s, true}
			require.Equal(t, scsi.Pending, d.Do(c))
			require.Equal(t, []string{"now: " + p.asked, "engine: " + p.asked}, s.took())
			c.Resume(true, time.Second)
			require.True(t, d.Do(c).OK())
			require.Empty(t, s.took(), "all is done")
			require.Zero(t, *s.reading)

			require.Equal(t, scsi.Pending, d.Do(again(c)))
			s.took()
			c.Resume(false, 0)
			require.Equal(t, scsi.Later, d.Do(c))
			require.Empty(t, s.took())
			require.Zero(t, *s.reading)
			c.AtOnce = false
			require.True(t, d.Do(c).OK(), "by who may wait")
			require.Equal(t, []string{p.asked}, s.took())

			c.AtOnce, c.Engine = true, willing{s, false}
			require.Equal(t, scsi.Later, d.Do(again(c)))
			require.Equal(t, []string{"now: " + p.asked, "engine: " + p.asked}, s.took())
			require.Zero(t, *s.reading)
		})
	}
}

// again is c as it was before it was resumed.
func again(c *scsi.Command) *scsi.Command {
	c.Begin()
	return c
}

// What is pending shares its blocks until it is over, on whatever way: who is to have them alone waits.
func TestPendingSharesItsBlocks(t *testing.T) {
	const compareAndWrite = "89 00 0000000000000002 000000 01 00 00"
	for name, end := range map[string]func(d *sbc.Disk, c *scsi.Command){
		"whole": func(d *sbc.Disk, c *scsi.Command) {
			c.Resume(true, 0)
			d.Do(c)
		},
		"by a worker": func(d *sbc.Disk, c *scsi.Command) {
			c.Resume(false, 0)
			d.Do(c)
			c.AtOnce = false
			d.Do(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDelegating()
			d := newDisk(t, s)
			c := oneOf(prompts["WRITE (16)"].cdb, true)
			c.Engine = willing{s, true}
			require.Equal(t, scsi.Pending, d.Do(c))
			alone := &scsi.Command{CDB: oneOf(compareAndWrite, false).CDB, Data: scsi.Buffer{make([]byte, 1024)}}
			ended := make(chan scsi.Result)
			go func() { ended <- d.Do(alone) }()
			select {
			case <-ended:
				require.Fail(t, "it has not waited")
			case <-time.After(20 * time.Millisecond):
			}
			end(d, c)
			require.True(t, (<-ended).OK())
		})
	}
}

// A READ with FUA, where nothing had to be flushed when it began, ends as any other also where there is a write cache by then.
func TestPendingIsNotSettledAgain(t *testing.T) {
	s := newDelegating()
	d := newDisk(t, s, writeThrough)
	c := oneOf("28 08 00000002 00 0001 00", true)
	c.Engine = willing{s, true}
	require.Equal(t, scsi.Pending, d.Do(c))
	s.took()
	require.NoError(t, d.SetWriteCache(true))
	c.Resume(true, 0)
	require.True(t, d.Do(c).OK())
	require.Empty(t, s.took())
	require.Zero(t, *s.reading)
}

// It has passed the unit's checks when it is resumed: it is too late to refuse it, and a unit attention is for the next.
func TestPendingIsNotCheckedAgain(t *testing.T) {
	s := newDelegating()
	d := newDisk(t, s)
	c := oneOf(prompts["READ (16)"].cdb, true)
	c.Nexus, c.Engine = d.Join("host"), willing{s, true}
	for c.Nexus.TakeAttention() != (scsi.Result{}) {
	}
	require.Equal(t, scsi.Pending, d.Do(c))
	d.Reset(nil)
	c.Resume(true, 0)
	require.True(t, d.Do(c).OK())
	require.Equal(t, scsi.UnitAttention, d.Do(again(c)).Key)
}

// A command counts once, with the time that it was pending.
func TestPendingCounts(t *testing.T) {
	s := newDelegating()
	d := newDisk(t, s)
	for range 64 {
		c := oneOf(prompts["READ (16)"].cdb, true)
		c.Engine = willing{s, true}
		require.Equal(t, scsi.Pending, d.Do(c))
		c.Resume(true, time.Second)
		require.True(t, d.Do(c).OK())
	}
	page := readLog(host(t, d), 0x19).Data()
	require.EqualValues(t, 64, binary.BigEndian.Uint64(page[8:]), "READ commands")
	require.GreaterOrEqual(t, binary.BigEndian.Uint64(page[8+32:]), uint64(64e6), "microseconds, as of the one that is timed")
}

// A store before which something else stands, as one that injects errors, does all itself.
func TestInterceptedIsNotDelegated(t *testing.T) {
	s := newDelegating()
	d := newDisk(t, backend.Intercept(s, func(backend.Op, int64, int64) error { return nil }))
	c := oneOf(prompts["READ (16)"].cdb, true)
	c.Engine = willing{s, true}
	require.Equal(t, scsi.Later, d.Do(c))
	require.Empty(t, s.took())
}
