//go:build guest

package guest

import (
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/lineartest"
	"github.com/tcmud/tcmud/scsi/sgio"
)

// leastLinearKills is how often tcmud is killed for each store where nobody says for how long (TCMUD_SOAK).
const leastLinearKills = 5

// TestLinearizableThroughKills: initiators that collide on a few blocks see one order of all that they were answered, while
// tcmud is killed and started again. What was in flight then the kernel's initiator sends again, so that it may have been done
// more than once.
func TestLinearizableThroughKills(t *testing.T) {
	for _, store := range []struct {
		name string
		make func(t *testing.T) disk
	}{
		{"ramdisk", func(t *testing.T) disk { return newRamdisk(t, "1M") }},
		{"file", func(t *testing.T) disk { return newFile(t, "1M") }},
		{"direct", func(t *testing.T) disk { return newDirectFile(t, "1M") }},
	} {
		t.Run(store.name, func(t *testing.T) {
			daemon := startDaemon(t)
			d := store.make(t)
			log := kernelLog(t)
			var kills atomic.Int64
			race := lineartest.Race{Blocks: 4, Kills: func() int { return int(kills.Load()) }, Initiators: initiators(t, d, 4)}
			operations := 0
			for began := time.Now(); kills.Load() < leastLinearKills || time.Since(began) < soak(t); {
				must(t, "sg_write_same", "--10", "--num=4", "--xferlen=512", "--in=/dev/zero", d.generic) // what a history begins with
				race.Seed = uint64(time.Now().UnixNano())
				stop, ended := make(chan struct{}), make(chan *lineartest.History, 1)
				go func() {
					h, err := race.Run(1<<62, stop)
					assert.NoError(t, err, "seed %d", race.Seed)
					ended <- h
				}()
				time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
				daemon.kill()
				kills.Add(1) // before any command can be answered that was in flight
				daemon.start()
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
				close(stop)
				h := <-ended
				operations += h.Len()
				require.NoError(t, h.Check(filepath.Join(t.TempDir(), "history.html")), "seed %d", race.Seed)
			}
			requireQuiet(t, log())
			t.Logf("%d operations on blocks, %d kills: there is an order of them", operations, kills.Load())
		})
	}
}

// initiators are so many of the disk, each with a descriptor of its own.
func initiators(t *testing.T, d disk, n int) (all []scsi.Handler) {
	t.Helper()
	for range n {
		sg, err := sgio.OpenNode(d.generic)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, sg.Close()) })
		all = append(all, sg)
	}
	return all
}
