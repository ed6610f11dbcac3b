package tcmu

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// These benchmarks are the whole way of a command but for the kernel's part: a ring that tcmutest has filled is answered
// over and over by one goroutine, as the ring's thread does, with a real unit and a real store behind it. They are here, and
// not in package bench, because they step through the ring themselves.

// storeSize is more than the caches of a processor hold.
const storeSize = 64 << 20

// replay is a ring whose commands are answered over and over.
type replay struct {
	d     *Device
	head  uint32
	saved []byte
	n     int // commands in it
}

// replays fills a ring with commands for h.
func replays(b *testing.B, h scsi.Handler, n *scsi.Nexus, commands []*tcmutest.Command) *replay {
	k := tcmutest.New(b, tcmutest.Config{Blocks: 4096})
	mem, fd, err := k.Open()
	if err != nil {
		b.Fatal(err)
	}
	k.Plug()
	for _, c := range commands {
		k.Submit(c)
	}
	d := hand(b, mem, h)
	d.port.FD = fd
	d.opts.Nexus = n
	d.opts.AtOnce = true
	d.workers.init(1, 1)
	r := &replay{d: d, head: d.ring.head.Load(), n: len(commands)}
	r.saved = append(r.saved, d.ring.entries[:r.head]...)
	return r
}

// answer answers all commands of the ring once.
func (r *replay) answer(b *testing.B) {
	ring := r.d.ring
	copy(ring.entries, r.saved) // some 3 ns for each command
	ring.consumed, ring.done = 0, 0
	for ring.consumed != r.head {
		if err := r.d.step(r.head); err != nil {
			b.Fatal(err)
		}
	}
}

// spread is commands of size bytes each, far from each other on the store.
func spread(write bool, size, n int) (commands []*tcmutest.Command) {
	stride := storeSize / n / size * size
	for i := range n {
		c := &tcmutest.Command{CDB: read10(i*stride/512, size/512), In: size}
		if write {
			c = &tcmutest.Command{CDB: write10(i*stride/512, size/512), Out: make([]byte, size)}
		}
		commands = append(commands, c)
	}
	return commands
}

// unitOn is a unit on a store, all of which has been written.
func unitOn(b *testing.B, store backend.Store, engine bool) *sbc.Disk {
	if store.Size() == storeSize {
		for off := int64(0); off < storeSize; off += 1 << 20 {
			if err := store.Writev([][]byte{make([]byte, 1<<20)}, off, false); err != nil {
				b.Fatal(err)
			}
		}
	}
	d, err := sbc.New(sbc.Config{Store: store, Reservations: engine,
		Identity: func() spc.Identity { return spc.Identity{Vendor: "LIO-ORG", Product: "bench", Serial: "0"} }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close(); store.Close() })
	return d
}

func ramdisk(b *testing.B) backend.Store {
	store, err := backend.NewRamdisk(storeSize)
	if err != nil {
		b.Fatal(err)
	}
	return store
}

// attentive takes the unit attention that a new nexus has.
func attentive(d *sbc.Disk, name string) *scsi.Nexus {
	n := d.Join(name)
	for !n.TakeAttention().OK() {
	}
	return n
}

// BenchmarkCommand is READ and WRITE on a ramdisk from the entry in the ring to the completion in it, beside plain copies of
// the same bytes between the same kinds of memory: the ring's data area, and a shared mapping as large as the disk.
func BenchmarkCommand(b *testing.B) {
	for _, c := range []struct {
		name  string
		write bool
		size  int
		n     int
	}{
		{"read 4k", false, 4 << 10, 100}, {"write 4k", true, 4 << 10, 100},
		{"read 1M", false, 1 << 20, 12}, {"write 1M", true, 1 << 20, 12},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := unitOn(b, ramdisk(b), false)
			r := replays(b, d, attentive(d, "bench"), spread(c.write, c.size, c.n))
			plain := copies(b, r, c.write, c.size)
			b.ReportAllocs()
			var commands, copied time.Duration
			rounds := 0
			for n := 0; n < b.N; n += r.n {
				began := time.Now()
				r.answer(b)
				answered := time.Now()
				plain()
				commands += answered.Sub(began)
				copied += time.Since(answered)
				rounds++
			}
			each := float64(rounds * r.n)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(commands)/each, "ns/command")
			b.ReportMetric(float64(commands-copied)/each, "ns-beyond-copy")
			b.ReportMetric(float64(copied)/float64(commands), "of-copy()")
			b.ReportMetric(float64(c.size)*each/commands.Seconds()/1e9, "GB/s")
		})
	}
}

// copies is a function that moves what r's commands move, with copy.
func copies(b *testing.B, r *replay, write bool, size int) func() {
	fd, err := unix.MemfdCreate("bench", 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, storeSize); err != nil {
		b.Fatal(err)
	}
	medium, err := unix.Mmap(fd, 0, storeSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Munmap(medium) })
	for i := range medium {
		medium[i] = 1
	}
	var data [][]byte // of each command, whole: neighbours are one iovec
	for at := uint32(0); at != r.head; {
		h, err := r.d.ring.header(at, r.head)
		var s slot
		if err == nil {
			err = s.load(r.d.ring, h)
		}
		if err != nil || len(s.cmd.Data) != 1 {
			b.Fatal(err, len(s.cmd.Data))
		}
		data = append(data, s.cmd.Data[0])
		at = r.d.ring.next(h)
	}
	stride := storeSize / len(data) / size * size
	return func() {
		for i, d := range data {
			on := medium[i*stride:][:size]
			if write {
				copy(on, d)
			} else {
				copy(d, on)
			}
		}
	}
}

// BenchmarkStage is what the parts of that way cost: the ring with a handler that does nothing, what of it is taking an entry
// apart, and the unit with a store that does nothing.
func BenchmarkStage(b *testing.B) {
	nothing := scsi.HandlerFunc(func(c *scsi.Command) scsi.Result { return scsi.Result{} })
	commands := spread(true, 4<<10, 100)
	b.Run("ring", func(b *testing.B) {
		r := replays(b, nothing, new(scsi.Nexus), commands)
		for n := 0; n < b.N; n += r.n {
			r.answer(b)
		}
	})
	b.Run("decode", func(b *testing.B) {
		r := replays(b, nothing, new(scsi.Nexus), spread(true, 4<<10, 1))
		s := new(slot)
		for b.Loop() {
			h, err := r.d.ring.header(0, r.head)
			if err == nil {
				err = s.load(r.d.ring, h)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ring and engine", func(b *testing.B) {
		d := unitOn(b, backend.NewNull(1<<40), false)
		r := replays(b, d, attentive(d, "bench"), commands)
		for n := 0; n < b.N; n += r.n {
			r.answer(b)
		}
	})
}

// BenchmarkRings is how many times as much several rings do as one, in the same time: as many disks, or as many I_T nexuses of
// one disk, each on a goroutine of its own. The store does nothing: copies would tell of the memory that processors share.
func BenchmarkRings(b *testing.B) {
	for _, shared := range []bool{false, true} {
		for _, rings := range []int{1, runtime.NumCPU()} {
			name := fmt.Sprintf("%d disks", rings)
			if shared {
				name = fmt.Sprintf("%d rings on a disk", rings)
			}
			b.Run(name, func(b *testing.B) {
				var all []*replay
				var d *sbc.Disk
				for i := range rings {
					if d == nil || !shared {
						d = unitOn(b, backend.NewNull(1<<40), shared)
					}
					commands := spread(true, 4<<10, 64*rings)[i*64:][:64] // each ring a part of the disk
					all = append(all, replays(b, d, attentive(d, fmt.Sprint("host ", i)), commands))
				}
				turns := func(some []*replay, n int) time.Duration {
					began := time.Now()
					var group sync.WaitGroup
					for _, r := range some {
						group.Go(func() {
							for range n {
								r.answer(b)
							}
						})
					}
					group.Wait()
					return time.Since(began)
				}
				var one, together time.Duration
				const slice = 2000                     // 10 ms: more than it takes to start a goroutine on another processor
				for n := 0; n < b.N; n += slice * 64 { // in turn, so that both meet the same machine
					one += turns(all[:1], slice)
					together += turns(all, slice)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(rings)*float64(one)/float64(together), "x-one")
			})
		}
	}
}
