//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKilledInAtomicWrites kills tcmud while WRITE ATOMIC (16) follows upon WRITE ATOMIC (16): the next tcmud has one of them
// on the disk, whole.
func TestKilledInAtomicWrites(t *testing.T) {
	const size = 64 << 10
	dir := t.TempDir()
	for _, letter := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, letter), bytes.Repeat([]byte(letter), size), 0o600))
	}
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			d := startDaemon(t)
			disk := store.make(t, "16M")
			write := func(letter string) string {
				return fmt.Sprintf("sg_raw --send %d --infile %s/%s %s 9c 00 00 00 00 00 00 00 00 01 00 00 00 80 00 00", size, dir, letter, disk.generic)
			}
			shell(t, write("a"))
			for range 6 {
				writers := exec.Command("sh", "-c", fmt.Sprintf("until [ -e stop ]; do %s; %s; done; rm stop", write("a"), write("b")))
				writers.Dir = dir
				require.NoError(t, writers.Start())
				time.Sleep(time.Duration(200+rand.IntN(300)) * time.Millisecond)
				d.kill()
				require.NoError(t, os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600))
				d.start()
				require.NoError(t, writers.Wait())
				got := disk.content(t, size, 512)
				require.Contains(t, "ab", string(got[:1]))
				require.Equal(t, bytes.Repeat(got[:1], size), got)
			}
		})
	}
}
