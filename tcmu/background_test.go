package tcmu

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
	"github.com/tcmud/tcmud/tcmu/uring"
)

// offered skips a test where this machine does not let us have an io_uring. In the VM they run all the same.
func offered(t *testing.T) {
	t.Helper()
	r, err := uring.New(1)
	if err != nil {
		t.Skipf("no io_uring on this machine: %v", err)
	}
	require.NoError(t, r.Close())
}

// filed is a disk of 512-byte blocks in a file, whose I/O is an Engine's, or a worker's where that cannot.
type filed struct {
	fd    int
	slow  chan struct{}         // of each command that a worker has done
	again func(c *scsi.Command) // nil, or what else there is to do when a command comes the second time
}

func newFiled(t *testing.T, size int64) *filed {
	t.Helper()
	offered(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.NoError(t, f.Truncate(size))
	return &filed{fd: int(f.Fd()), slow: make(chan struct{}, 4096)}
}

func (f *filed) Do(c *scsi.Command) scsi.Result {
	off := int64(c.Uint(scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 4)) * 512)
	write := c.CDB[0] == 0x2a
	whole, resumed := c.Resumed()
	if resumed && f.again != nil {
		f.again(c)
	}
	switch {
	case whole:
	case !c.AtOnce:
		f.slow <- struct{}{}
		if write {
			unix.Pwritev(f.fd, c.Data, off)
		} else {
			unix.Preadv(f.fd, c.Data, off)
		}
	case resumed:
		return scsi.Later
	case write && c.Engine.Write(f.fd, c.Data, off) || !write && c.Engine.Read(f.fd, c.Data, off):
		return scsi.Pending
	default:
		return scsi.Later
	}
	c.Transferred(direction(write), c.Data.Len())
	return scsi.Result{}
}

func direction(write bool) scsi.Direction {
	if write {
		return scsi.DataOut
	}
	return scsi.DataIn
}

// Many commands at once, each to be done by the Engine, and what is read is what was written.
func TestEngineMovesTheData(t *testing.T) {
	const blocks, rounds = 64, 30
	f := newFiled(t, blocks*512)
	k := tcmutest.New(t, tcmutest.Config{Scatter: true})
	d := attach(t, k, f, Options{Workers: 2, AtOnce: true})
	want := make([]byte, blocks*512)
	for range rounds {
		var writes, reads []*tcmutest.Command
		k.Plug()
		for lba := range blocks {
			p := bytes.Repeat([]byte{byte(rand.Uint32())}, 512)
			copy(want[lba*512:], p)
			writes = append(writes, &tcmutest.Command{CDB: write10(lba, 1), Out: p})
			k.Submit(writes[lba])
		}
		k.Unplug()
		for _, c := range writes {
			k.Wait(c)
			require.EqualValues(t, scsi.Good, c.Status)
		}
		for lba := range blocks {
			reads = append(reads, &tcmutest.Command{CDB: read10(lba, 1), In: 512})
			k.Submit(reads[lba])
		}
		for lba, c := range reads {
			k.Wait(c)
			require.Equal(t, want[lba*512:][:512], c.Data, "block %d", lba)
		}
	}
	require.Empty(t, f.slow)
	require.EqualValues(t, 2*blocks*rounds, d.Stats().Completions)
}

// What ends short or not at all is a worker's, whole.
func TestWorkersDoWhatTheEngineCannot(t *testing.T) {
	short, none := newFiled(t, 4*512), newFiled(t, 0)
	none.fd = -1
	for _, f := range []*filed{short, none} {
		k := tcmutest.New(t, tcmutest.Config{})
		d := attach(t, k, f, Options{Workers: 2, AtOnce: true})
		c := &tcmutest.Command{CDB: read10(3, 4), In: 4 * 512}
		k.Do(c)
		require.EqualValues(t, scsi.Good, c.Status)
		require.Len(t, f.slow, 1)
		require.EqualValues(t, 1, d.Stats().Completions)
	}
}

// More than an io_uring holds, all of it waiting: the rest is for workers, and for those who wait for a slot.
func TestMoreThanTheEngineHolds(t *testing.T) {
	f := newFiled(t, 1<<20)
	k := tcmutest.New(t, tcmutest.Config{Blocks: 1024})
	attach(t, k, f, Options{Workers: 2, AtOnce: true, Depth: backgroundDepth + 4})
	var all []*tcmutest.Command
	k.Plug()
	for lba := range backgroundDepth + 50 {
		c := &tcmutest.Command{CDB: read10(lba, 1), In: 512}
		k.Submit(c)
		all = append(all, c)
	}
	k.Unplug()
	for _, c := range all {
		k.Wait(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
}

// A handler that does something else than what it has said: nothing of that is done behind anybody's back, or pending for
// ever.
func TestEngineTakesHandlersAtTheirWord(t *testing.T) {
	f := newFiled(t, 4096)
	for name, misuse := range map[string]func(*scsi.Command) scsi.Result{
		"asks, and ends": func(c *scsi.Command) scsi.Result {
			c.Engine.Write(f.fd, c.Data, 0)
			return scsi.InvalidFieldInCDB
		},
		"asks, and panics": func(c *scsi.Command) scsi.Result {
			c.Engine.Write(f.fd, c.Data, 0)
			panic("of the test")
		},
		"asks for nothing, and is pending": func(c *scsi.Command) scsi.Result { return scsi.Pending },
		"panics when it is resumed": func(c *scsi.Command) scsi.Result {
			if _, resumed := c.Resumed(); resumed {
				panic("of the test")
			}
			return f.Do(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
				if c.CDB[0] == 0x2a {
					return misuse(c)
				}
				return f.Do(c)
			}), Options{Workers: 1, AtOnce: true})
			for range 3 {
				c := &tcmutest.Command{CDB: write10(1, 1), Out: bytes.Repeat([]byte{1}, 512)}
				k.Do(c)
				require.EqualValues(t, scsi.CheckCondition, c.Status)
			}
			c := &tcmutest.Command{CDB: read10(0, 1), In: 512}
			k.Do(c)
			require.Equal(t, make([]byte, 512), c.Data)
		})
	}
}

// One command has one transfer at a time.
func TestEngineDoesOneThingForACommand(t *testing.T) {
	f := newFiled(t, 4096)
	k := tcmutest.New(t, tcmutest.Config{})
	second := make(chan bool, 1)
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		r := f.Do(c)
		if r.IsPending() {
			second <- c.Engine.Read(f.fd, c.Data, 0)
		}
		return r
	}), Options{Workers: 1, AtOnce: true})
	k.Do(&tcmutest.Command{CDB: read10(0, 1), In: 512})
	require.False(t, <-second)
}

// blocked is a disk whose reads wait until let go of.
func blocked(t *testing.T) (f *filed, release func()) {
	t.Helper()
	f = newFiled(t, 0)
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(pipe[0]); unix.Close(pipe[1]) })
	f.fd = pipe[0]
	return f, func() {
		_, err := unix.Write(pipe[1], make([]byte, 512))
		require.NoError(t, err)
	}
}

// Stop waits for what is pending, and leaves the ring clean.
func TestStopWaitsForWhatIsPending(t *testing.T) {
	f, release := blocked(t)
	k := tcmutest.New(t, tcmutest.Config{})
	d := attach(t, k, f, Options{Workers: 1, AtOnce: true})
	c := &tcmutest.Command{CDB: read10(0, 1), In: 512}
	k.Submit(c)
	require.Eventually(t, func() bool { return d.Stats().Commands == 1 }, patience, time.Millisecond)
	soonOver, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := d.Stop(soonOver)
	require.ErrorContains(t, err, "1 commands are still with the handler")
	release()
	require.True(t, stop(t, d).Clean)
	k.Wait(c)
	require.EqualValues(t, scsi.Good, c.Status)
}

// What is pending is told that it is aborted, is not withdrawn, and holds up nobody; ABORT TASK is over when it is.
func TestAbortOfWhatIsPending(t *testing.T) {
	f, release := blocked(t)
	told := make(chan bool, 2)
	f.again = func(c *scsi.Command) { told <- c.WasAborted() }
	k := tcmutest.New(t, tcmutest.Config{})
	d := attach(t, k, f, Options{Workers: 1, AtOnce: true})
	c := &tcmutest.Command{CDB: read10(0, 1), In: 512}
	k.Submit(c)
	require.Eventually(t, func() bool { return d.Stats().Commands == 1 }, patience, time.Millisecond)
	answered := k.Abort(tcmutest.AbortTask, c)
	require.Eventually(t, func() bool { return d.Stats().TMRs == 1 }, patience, time.Millisecond)
	require.False(t, c.Ended())
	release()
	soon(t, answered, "ABORT TASK")
	require.True(t, <-told)
	next := &tcmutest.Command{CDB: read10(0, 1), In: 512}
	k.Submit(next)
	release()
	k.Wait(next)
	require.EqualValues(t, scsi.Good, next.Status)
	require.False(t, <-told)
}

// The io_uring goes when the ring dozes, and there is another when it is wanted again.
func TestEngineRestsWithTheRing(t *testing.T) {
	f := newFiled(t, 4096)
	k := tcmutest.New(t, tcmutest.Config{})
	d := attach(t, k, f, Options{Workers: 1, AtOnce: true})
	read := func() {
		c := &tcmutest.Command{CDB: read10(0, 1), In: 512}
		k.Do(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
	read()
	require.Eventually(t, func() bool {
		asleep.mu.Lock()
		defer asleep.mu.Unlock()
		return asleep.all[int32(d.port.FD)] != nil
	}, patience, time.Millisecond)
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range open {
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		require.NotContains(t, target, "io_uring")
	}
	read()
	require.Empty(t, f.slow)
}

func TestNoURing(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	engine := make(chan scsi.Engine, 1)
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		engine <- c.Engine
		return scsi.Result{}
	}), Options{Workers: 1, AtOnce: true, NoURing: true})
	k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
	require.Nil(t, <-engine)
}

func TestNoTransferAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := newFiled(t, 4096)
	k := tcmutest.New(t, tcmutest.Config{})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	k.Plug()
	k.Submit(&tcmutest.Command{CDB: read10(0, 8), In: 4096})
	d := hand(t, mem, f)
	d.port.FD, d.opts.AtOnce = fd, true
	d.workers.init(1, 4)
	head, saved := d.ring.head.Load(), bytes.Clone(d.ring.entries)
	b := &d.consumer.background
	defer b.close()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		copy(d.ring.entries, saved)
		d.ring.consumed, d.ring.done = 0, 0
		if d.step(head) != nil || b.uring.Submit() != nil || b.uring.Wait() != nil {
			panic("it fails")
		}
		number, n, _ := b.uring.Next()
		if s := d.workers.slots[number]; n != 4096 || d.resume(s, true) != nil {
			panic("it fails")
		}
	}))
}
