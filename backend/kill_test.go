package backend_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

const (
	killedSize  = 8 << 20
	killedWrite = 1 << 20
	killedAt    = 512 // not on the boundary of a page
)

// killed are the stores that a process can die over.
var killed = map[string]struct {
	dir  func(*testing.T) string
	open func(t *testing.T, path string) backend.Store
}{
	"file": {(*testing.T).TempDir, journaledDisk(killedSize)},
	"ramdisk": {shmDir, func(t *testing.T, path string) backend.Store {
		s, err := backend.OpenRamdisk(path, killedSize)
		require.NoError(t, err)
		return s
	}},
}

// TestKilled kills a process that does nothing but atomic writes, again and again: what it leaves is one of its writes,
// never less than the last that was answered.
func TestKilled(t *testing.T) {
	for name, store := range killed {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(store.dir(t), "disk")
			replayed, first := 0, 1
			for range 25 {
				answered := kill(t, name, path, first)
				if recorded(t, filepath.Dir(path)) {
					replayed++
				}
				s := store.open(t, path)
				got := make([]byte, killedWrite)
				require.NoError(t, s.Readv([][]byte{got}, killedAt))
				require.Equal(t, bytes.Repeat(got[:8], killedWrite/8), got, "torn")
				last, err := strconv.Atoi(strings.TrimSpace(string(got[:8])))
				require.NoError(t, err)
				require.Contains(t, []int{answered, answered + 1}, last)
				first = last + 1
				require.NoError(t, s.Close())
				require.False(t, recorded(t, filepath.Dir(path)))
			}
			t.Logf("%d writes, killed 25 times, %d times with a record in the journal", first, replayed)
		})
	}
}

// kill lets a process write for a while, and returns the number of the last write that was answered.
func kill(t *testing.T, name, path string, first int) (answered int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), "TCMUD_KILLED="+fmt.Sprintf("%s %d %s", name, first, path))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	require.NoError(t, err, "not one write was answered")
	answered = first
	time.Sleep(rand.N(20 * time.Millisecond))
	require.NoError(t, cmd.Process.Kill())
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	answered += bytes.Count(rest, []byte("\n"))
	require.ErrorContains(t, cmd.Wait(), syscall.SIGKILL.String())
	return answered
}

// recorded says whether there is a journal in dir with something in its head.
func recorded(t *testing.T, dir string) bool {
	journals, err := filepath.Glob(filepath.Join(dir, "*"+backend.JournalSuffix))
	require.NoError(t, err)
	if len(journals) == 0 {
		return false
	}
	content, err := os.ReadFile(journals[0])
	require.NoError(t, err)
	return len(content) > 4096 && !bytes.Equal(content[:4096], make([]byte, 4096))
}

// TestKilledProcess is the process that is killed: it says after each write that it has been answered.
func TestKilledProcess(t *testing.T) {
	name, args, ok := strings.Cut(os.Getenv("TCMUD_KILLED"), " ")
	if !ok {
		t.Skip("this is what TestKilled runs")
	}
	first, path, _ := strings.Cut(args, " ")
	n, err := strconv.Atoi(first)
	require.NoError(t, err)
	s := backend.Resolve(killed[name].open(t, path))
	for ; ; n++ {
		data := bytes.Repeat(fmt.Appendf(nil, "%8d", n), killedWrite/8)
		require.NoError(t, s.WriteAtomic([][]byte{data}, killedAt, false))
		_, err := fmt.Println("answered", n)
		require.NoError(t, err)
	}
}
