package tcmu

import (
	"testing"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// one is a handler that does as much as a READ to a null store.
var one = scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
	c.In(c.Data.Len(), 512)
	return scsi.Result{}
})

// BenchmarkStep is what a command costs between the ring and the handler and back, without the doorbell: header, CDB,
// iovecs, in flight, response, tail. A ring of 30 commands is answered over and over.
func BenchmarkStep(b *testing.B) {
	k := tcmutest.New(b, tcmutest.Config{})
	mem, fd, err := k.Open()
	if err != nil {
		b.Fatal(err)
	}
	k.Plug()
	const commands = 30
	for range commands {
		k.Submit(&tcmutest.Command{CDB: read10(0, 8), In: 4096})
	}
	d := hand(b, mem, one)
	d.port.FD = fd
	d.opts.Nexus = &scsi.Nexus{Ends: scsi.Ends{Name: "bench"}}
	head := d.ring.head.Load()
	saved := append([]byte(nil), d.ring.entries[:head]...)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += commands {
		copy(d.ring.entries, saved) // some 3 ns for each command
		d.ring.consumed, d.ring.done = 0, 0
		for d.ring.consumed != head {
			if err := d.step(head); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRoundTrip is a command from tcmutest's Submit to its end, through a socket and back: mostly what system calls
// and wake-ups cost, and tcmutest's copies. ns/op is for each command.
func BenchmarkRoundTrip(b *testing.B) {
	for _, way := range ways {
		for _, depth := range []struct {
			name string
			n    int
		}{{"depth 1", 1}, {"depth 32", 32}} {
			b.Run(way.name+"/"+depth.name, func(b *testing.B) {
				k := tcmutest.New(b, tcmutest.Config{})
				attach(b, k, one, way.opts)
				all := make([]*tcmutest.Command, depth.n)
				for i := range all {
					all[i] = &tcmutest.Command{CDB: read10(0, 8), In: 4096}
				}
				b.ReportAllocs()
				for n := 0; n < b.N; n += depth.n {
					k.Plug()
					for _, c := range all {
						k.Submit(c)
					}
					k.Unplug()
					for _, c := range all {
						<-c.Done()
					}
				}
			})
		}
	}
}
