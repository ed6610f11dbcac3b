package tcmu

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// Many commands of many sizes, in a ring and an area so small that both fill up, wrap and scatter, from several
// goroutines. Each goroutine has blocks of its own and knows what stands there.
func TestManyLapsOfRandomCommands(t *testing.T) {
	for _, way := range ways {
		for _, conf := range []tcmutest.Config{
			{Ring: 4096 - 128, Blocks: 24},
			{Ring: 1208, Blocks: 24, Scatter: true}, // 1208 = 8 mod 120
			{Ring: 1208, Blocks: 24, Without: tcmutest.OutOfOrder | tcmutest.ReadLength},
		} {
			t.Run(way.name, func(t *testing.T) {
				k := tcmutest.New(t, conf)
				d := attach(t, k, make(memory, 4<<17), way.opts)
				var group sync.WaitGroup
				for who := range 4 {
					group.Go(func() { hammer(t, k, who*256, 256, 400) })
				}
				group.Wait()
				s := d.Stats()
				require.EqualValues(t, 4*400, s.Commands)
				require.Equal(t, s.Commands, s.Completions)
				require.NotZero(t, s.Doorbells)
				require.LessOrEqual(t, s.Doorbells, s.Completions+1)
			})
		}
	}
}

// hammer writes and reads blocks from first on, and compares.
func hammer(t *testing.T, k *tcmutest.Kernel, first, blocks, times int) {
	random := rand.New(rand.NewPCG(1, uint64(first)))
	model := make([]byte, blocks*512)
	for range times {
		n := 1 + random.IntN(40)
		at := random.IntN(blocks - n)
		part := model[at*512:][:n*512]
		if random.IntN(2) == 0 {
			for i := range part {
				part[i] = byte(random.Uint32())
			}
			c := &tcmutest.Command{CDB: write10(first+at, n), Out: part}
			k.Do(c)
			if c.Status != 0 {
				t.Errorf("write: status %#x", c.Status)
			}
			continue
		}
		c := &tcmutest.Command{CDB: read10(first+at, n), In: len(part)}
		k.Do(c)
		if !bytes.Equal(c.Data, part) {
			t.Errorf("read of %d blocks at %d differs", n, first+at)
		}
	}
}

// The second command ends while the first is out; its completion overwrites the entry of the first.
func TestCompletionOutOfOrder(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	gate := make(chan struct{})
	store := make(memory, 1<<20)
	copy(store[100*512:], "first")
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if c.CDB[5] == 100 {
			<-gate
		}
		return store.Do(c)
	}), Options{Workers: 2})
	first := &tcmutest.Command{CDB: read10(100, 8), In: 4096}
	second := &tcmutest.Command{CDB: []byte{0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0}} // 96 bytes of sense
	k.Submit(first)
	k.Do(second)
	require.Equal(t, scsi.CheckCondition, scsi.Status(second.Status))
	require.False(t, first.Ended())
	close(gate)
	k.Wait(first)
	require.Equal(t, scsi.Good, scsi.Status(first.Status))
	require.Equal(t, "first", string(first.Data[:5]))
}

// A kernel before Linux 4.7 takes completions in order only; tcmutest fails the test if they are not.
func TestWithoutOutOfOrderNothingRunsOnWorkers(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{Without: tcmutest.OutOfOrder})
	var mu sync.Mutex // never contended
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if !mu.TryLock() {
			t.Error("two commands at once")
			return scsi.InternalTargetFailure
		}
		defer mu.Unlock()
		time.Sleep(time.Duration(c.CDB[2]) * time.Millisecond)
		return scsi.Result{}
	}), Options{Workers: 4})
	var all []*tcmutest.Command
	for i := range 8 {
		c := &tcmutest.Command{CDB: []byte{0, 0, byte(8 - i), 0, 0, 0}}
		k.Submit(c)
		all = append(all, c)
	}
	for _, c := range all {
		k.Wait(c)
	}
}

// While the first command is with the handler the others come: the next look at the ring finds them all.
func TestOneDoorbellForABatch(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	gate, entered := make(chan struct{}), make(chan struct{}, longestBatch+9)
	d := attach(t, k, scsi.HandlerFunc(func(*scsi.Command) scsi.Result {
		entered <- struct{}{}
		<-gate
		return scsi.Result{}
	}), Options{})
	var all []*tcmutest.Command
	submit := func() {
		c := &tcmutest.Command{CDB: make([]byte, 6)}
		k.Submit(c)
		all = append(all, c)
	}
	submit()
	<-entered
	for range longestBatch + 8 {
		submit()
	}
	close(gate)
	for _, c := range all {
		k.Wait(c)
	}
	stop(t, d)
	require.EqualValues(t, 1+2+1, d.Stats().Doorbells, "the first, a whole batch, the rest, and one that is rung in leaving")
	require.EqualValues(t, 1+longestBatch+8, d.Stats().Completions)
}

func TestTMRAndUnknownEntriesAreSteppedOver(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{Ring: 4096})
			heard := make(chan TMR, 1)
			o := way.opts
			o.TMR = func(m TMR) { heard <- m }
			d := attach(t, k, good, o)
			for range 100 { // several laps
				require.True(t, k.TMR(5, 1, 2, 3))
				require.Equal(t, TMR{LogicalUnitReset, []uint16{1, 2, 3}}, <-heard)
				require.True(t, k.Entry(6, 200))
				k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
				require.Eventually(t, func() bool { k.Reap(); head, tail := k.Cursors(); return head == tail }, time.Second, time.Microsecond)
			}
			s := d.Stats()
			require.EqualValues(t, 100, s.TMRs)
			require.EqualValues(t, 100, s.Unknown)
		})
	}
}

// Entries that want no completion are not left in the ring until a command comes: the kernel has no room before the
// tail has passed them, and does not look before the doorbell rings.
func TestRingFullOfTMRsIsEmptied(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{Ring: 1024})
			attach(t, k, good, way.opts)
			for range 1000 {
				require.Eventually(t, func() bool { return k.TMR(1, 7) }, tcmutest.Patience, 10*time.Microsecond)
			}
		})
	}
}

// A thousand idle devices are no burden.
func TestIdleDeviceIsSmall(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d := attach(t, k, good, Options{Workers: 32, Depth: 128})
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40<<10))
	require.Zero(t, d.workers.running)
	require.Zero(t, d.workers.made)
}
