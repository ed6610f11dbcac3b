package sbc_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
)

// BenchmarkRings is what a command costs each of n that send commands at once to one disk that keeps reservations itself, by
// an I_T nexus each and on blocks side by side: on the null store as much as where n is 1, as long as there are n processors
// (52 and 56 ns; 96 when they shared a lane; AMD EPYC, 2 processors). Writes to a ramdisk take turns, 256 KiB a lock.
func BenchmarkRings(b *testing.B) {
	for name, store := range speedStores(b) {
		for _, what := range []string{"write16 4k", "read16 4k"} {
			for n := 1; n <= runtime.GOMAXPROCS(0); n *= 2 {
				d := newDisk(b, store, func(c *sbc.Config) { c.Reservations = true })
				b.Run(fmt.Sprint(name, " ", what, " rings=", n), func(b *testing.B) {
					var rings sync.WaitGroup
					for i := range n {
						c := speedCommands()[what]
						c.Nexus = d.JoinAs(scsi.Ends{Name: fmt.Sprint(i), Initiator: fmt.Sprint("\x06", i), Port: 1})
						c.CDB[9] += byte(8 * i) // its own blocks, beside those of the others
						rings.Go(func() {
							for range b.N {
								if r := d.Do(c); !r.OK() {
									b.Error(r)
									return
								}
							}
						})
					}
					rings.Wait()
				})
			}
		}
	}
}
