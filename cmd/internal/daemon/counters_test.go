package daemon

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// newDisk is a disk of 1 MiB in blocks of 512 bytes whose commands are counted.
func newDisk(t testing.TB) (*sbc.Disk, counted) {
	disk, err := sbc.New(sbc.Config{
		Store:    backend.NewNull(1 << 20),
		Identity: func() spc.Identity { return spc.Identity{Vendor: "LIO-ORG", Product: "counted", Serial: "0"} },
	})
	require.NoError(t, err)
	return disk, counted{disk, new(counters)}
}

// send sends a command with n bytes of data to h.
func send(h scsi.Handler, n int, cdb ...byte) scsi.Result {
	c := &scsi.Command{CDB: cdb, Data: scsi.Buffer{make([]byte, n)}}
	c.Begin()
	return h.Do(c)
}

func TestCommandsAreCountedByClass(t *testing.T) {
	_, h := newDisk(t)
	require.True(t, send(h, 4096, 0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0).OK())                        // READ (10), 8 blocks
	require.True(t, send(h, 512, 0x08, 0, 0, 0, 1, 0).OK())                                     // READ (6), 1 block
	require.True(t, send(h, 1024, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0).OK())      // WRITE (16), 2 blocks
	require.True(t, send(h, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0).OK())                           // SYNCHRONIZE CACHE (10)
	require.True(t, send(h, 255, 0x12, 0, 0, 0, 36, 0).OK())                                    // INQUIRY of 36 bytes
	require.Equal(t, scsi.LBAOutOfRange.Key, send(h, 512, 0x28, 0, 1, 0, 0, 0, 0, 0, 1, 0).Key) // past the end
	require.Equal(t, scsi.CheckCondition, send(h, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0).Status)   // no such command
	require.Equal(t, scsi.InvalidCommandOperationCode.Status, send(h, 0).Status)                // no CDB at all

	got := h.counters.read()
	require.EqualValues(t, 3, got.Read.Commands)
	require.EqualValues(t, 4096+512, got.Read.Bytes, "what failed has moved nothing")
	require.EqualValues(t, 1, got.Write.Commands)
	require.EqualValues(t, 1024, got.Write.Bytes)
	require.EqualValues(t, 4, got.Other.Commands)
	require.EqualValues(t, 36, got.Other.Bytes)
	require.Equal(t, map[string]uint64{"illegal_request": 3}, got.Errors)
	require.Positive(t, got.Read.Time)
}

func TestWhatDoesNotEndWellIsCountedBySenseKeyOrStatus(t *testing.T) {
	ends := []scsi.Result{
		{}, {Status: scsi.ConditionMet}, // these are well
		scsi.WriteError, scsi.UnrecoveredReadError, scsi.SpaceAllocationFailed, scsi.Check(scsi.UnitAttention, 0x2901),
		{Status: scsi.Busy}, scsi.Conflict, {Status: scsi.TaskSetFull}, {Status: 0x7e},
	}
	h := counted{counters: new(counters)}
	for _, r := range ends {
		h.handler = scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return r })
		require.Equal(t, r, send(h, 0, 0, 0, 0, 0, 0, 0))
	}
	got := h.counters.read()
	require.EqualValues(t, len(ends), got.Other.Commands)
	require.Equal(t, map[string]uint64{
		"medium_error": 2, "data_protect": 1, "unit_attention": 1,
		"busy": 1, "reservation_conflict": 1, "task_set_full": 1, "status_7eh": 1,
	}, got.Errors)
}

func TestEachStatusAndSenseKeyHasACounterOfItsOwn(t *testing.T) {
	seen := map[int]bool{}
	for status := range 64 {
		r := scsi.Result{Status: scsi.Status(status << 1)}
		if r.Status != scsi.CheckCondition {
			require.Equal(t, r.Status.String(), scsi.Status((ending(r)-statuses)<<1).String())
			require.False(t, seen[ending(r)], r)
			seen[ending(r)] = true
		}
	}
	for key := range scsi.Key(16) {
		i := ending(scsi.Check(key, 0))
		require.False(t, seen[i], key)
		seen[i] = true
	}
}

// TestClassesAreWhatTheRowsSay: data in blocks goes the way that the class says, and no other command is in a class.
func TestClassesAreWhatTheRowsSay(t *testing.T) {
	disk, _ := newDisk(t)
	for _, op := range disk.Ops() {
		want := otherClass
		if op.Xfer.Rule == scsi.Blocks {
			want = map[scsi.Direction]class{scsi.DataIn: readClass, scsi.DataOut: writeClass}[op.Xfer.Dir]
		}
		var usage [scsi.MaxCDB]byte
		require.Equal(t, want, classOf(usage[:op.Usage(usage[:])]), op.Name)
	}
	for _, cdb := range [][]byte{nil, {0x7f}, {0x7f, 9: 0x20}, {0x7f, 8: 1, 9: 0x09}, {0xc1}} {
		require.Equal(t, otherClass, classOf(cdb), "% x", cdb)
	}
}

func TestLatencyBuckets(t *testing.T) {
	for _, tt := range []struct {
		took time.Duration
		want int
	}{
		{-1, 0}, {0, 0}, {1, 0}, {time.Microsecond, 0}, {time.Microsecond + 1, 1}, {2 * time.Microsecond, 1},
		{2*time.Microsecond + 1, 2}, {4 * time.Microsecond, 2}, {time.Millisecond, 10},
		{8388608 * time.Microsecond, 23}, {8388608*time.Microsecond + 1, 24}, {time.Hour, 24},
	} {
		require.Equal(t, tt.want, bucket(tt.took), tt.took)
		if tt.want < control.LatencyBuckets-1 {
			require.LessOrEqual(t, tt.took, control.LatencyBound(tt.want))
		}
	}
}

// TestWhatIsTimedStandsForWhatFollows: who asks twice sees no bucket with less in it than before.
func TestWhatIsTimedStandsForWhatFollows(t *testing.T) {
	var fast, slow, between traffic
	for range 3 {
		fast.Add(512)
	}
	require.Equal(t, control.Traffic{Commands: 3, Bytes: 1536, Latency: latencies(0, 3)}, fast.read(), "before any is timed")

	slow.timed(512, time.Millisecond)
	for range sample - 1 {
		slow.Add(512)
	}
	want := control.Traffic{Commands: sample, Bytes: 512 * sample, Time: sample * time.Millisecond, Latency: latencies(10, sample)}
	require.Equal(t, want, slow.read())
	require.Equal(t, want, slow.read(), "it was counted once")

	between.timed(0, time.Millisecond)
	between.Add(0)
	between.timed(0, 2*time.Microsecond)
	between.Add(0)
	got := between.read()
	require.EqualValues(t, 2, got.Latency[10])
	require.EqualValues(t, 2, got.Latency[1])
	require.Equal(t, 2*time.Millisecond+4*time.Microsecond, got.Time)
}

// latencies are n in bucket i.
func latencies(i int, n uint64) (all [control.LatencyBuckets]uint64) {
	all[i] = n
	return all
}

// TestSampledCountersAreExact in all but the times.
func TestSampledCountersAreExact(t *testing.T) {
	_, h := newDisk(t)
	h.counters.sampled = true
	for i := range uint64(3 * sample) {
		require.True(t, send(h, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0).OK())
		require.Equal(t, scsi.CheckCondition, send(h, 512, 0x2a, 0, 1, 0, 0, 0, 0, 0, 1, 0).Status)
		got := h.counters.read()
		require.Equal(t, [4]uint64{i + 1, 512 * (i + 1), i + 1, 0}, [4]uint64{got.Read.Commands, got.Read.Bytes, got.Write.Commands, got.Write.Bytes})
		require.Equal(t, map[string]uint64{"illegal_request": i + 1}, got.Errors)
		require.Positive(t, got.Read.Time)
		var timed uint64
		for _, n := range got.Read.Latency {
			timed += n
		}
		require.Equal(t, i+1, timed)
	}
}

// TestWhatComesAgainIsCountedOnce: what is Later is run again, elsewhere.
func TestWhatComesAgainIsCountedOnce(t *testing.T) {
	for _, sampled := range []bool{false, true} {
		h := counted{counters: &counters{sampled: sampled}}
		for _, r := range []scsi.Result{{}, scsi.Later, {}} {
			h.handler = scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return r })
			require.Equal(t, r, send(h, 512, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0))
		}
		got := h.counters.read()
		require.Equal(t, [2]uint64{2, 1024}, [2]uint64{got.Write.Commands, got.Write.Bytes})
		require.Empty(t, got.Errors)
	}
}

func TestCountersHoldUnderManyWorkers(t *testing.T) {
	_, h := newDisk(t)
	const goroutines, each = 8, 500
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range each {
				send(h, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0)
			}
		})
	}
	for range 100 {
		h.counters.read()
	}
	group.Wait()
	got := h.counters.read().Read
	require.EqualValues(t, goroutines*each, got.Commands)
	require.EqualValues(t, goroutines*each*512, got.Bytes)
}

func TestCountingDoesNotAllocate(t *testing.T) {
	_, h := newDisk(t)
	c := &scsi.Command{CDB: []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Data: scsi.Buffer{make([]byte, 512)}}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		c.Begin()
		h.Do(c)
	}))
}

// BenchmarkCounted is what counting costs: the handler does nothing at all.
func BenchmarkCounted(b *testing.B) {
	nothing := scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return scsi.Result{} })
	cdb, data := []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0}, scsi.Buffer{make([]byte, 4096)}
	for _, way := range []struct {
		name    string
		handler scsi.Handler
	}{{"not", nothing}, {"yes", counted{nothing, new(counters)}}, {"sampled", counted{nothing, &counters{sampled: true}}}} {
		b.Run(way.name, func(b *testing.B) {
			c := &scsi.Command{CDB: cdb, Data: data}
			b.ReportAllocs()
			for b.Loop() {
				way.handler.Do(c)
			}
		})
		b.Run(way.name+"/by all at once", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				c := &scsi.Command{CDB: cdb, Data: data}
				for p.Next() {
					way.handler.Do(c)
				}
			})
		})
	}
}
