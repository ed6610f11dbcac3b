//go:build guest

package guest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDeletedWhileTcmudStarts: a device that goes in that moment leaves nothing, whether it was found still or not.
func TestDeletedWhileTcmudStarts(t *testing.T) {
	d := startDaemon(t)
	before := footprint(t)
	for range 10 {
		must(t, "tcmuctl", "/backstores/ramdisk", "create", "rd0", "1M")
		devices, err := filepath.Glob(configfs + "/core/user_*/rd0")
		require.NoError(t, err)
		require.Len(t, devices, 1)
		d.terminate()
		deleted := make(chan error)
		go func() {
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
			deleted <- os.Remove(devices[0])
		}()
		d.start()
		require.NoError(t, <-deleted)
		require.NoError(t, os.Remove(filepath.Dir(devices[0])), "the HBA")
		requireFootprint(t, before)
	}
}
