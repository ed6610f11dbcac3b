package backend_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hugePage is how many bytes a huge page of this kernel has.
func hugePage(t *testing.T) int64 {
	text, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if os.IsNotExist(err) {
		t.Skip("this kernel has no transparent huge pages")
	}
	require.NoError(t, err)
	size, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	require.NoError(t, err)
	return size
}

// A tmpfs with huge pages gives more memory than was asked for. The disk is none the wiser: what was not written is a
// hole, and all of it can be given back, also the parts that lie in regions where nothing was ever written.
func TestRamdiskOnHugePages(t *testing.T) {
	huge := hugePage(t)
	path := filepath.Join(mountTmpfs(t, "huge=within_size"), "rd0")
	s := openRamdisk(t, path, 4*huge)
	defer func() { require.NoError(t, s.Close()) }()
	data := bytes.Repeat([]byte{1}, page)
	require.NoError(t, s.Writev([][]byte{data}, huge, false))
	if allocated(t, path) == page {
		t.Skip("no huge page is to be had: shmem_enabled is deny, or memory is in pieces")
	}
	require.Equal(t, huge, allocated(t, path))
	holds(t, s, huge, data)
	require.Equal(t, []string{stretch(0, huge, false), stretch(huge, huge+page, true), stretch(huge+page, 4*huge, false)}, maps(t, s))
	// It came with its first part, and goes with its last: unless the kernel looks at the page at that moment, as it does when
	// others need memory, and cannot take it apart.
	discarded := func() bool { return s.Discard(0, 4*huge) == nil && allocated(t, path) == 0 }
	require.Eventually(t, discarded, 10*time.Second, 10*time.Millisecond)

	require.NoError(t, s.Writev([][]byte{bytes.Repeat([]byte{1}, int(huge))}, huge, false))
	require.NoError(t, s.Discard(huge+page, page))
	require.NoError(t, s.Close())
	s = openRamdisk(t, path, 4*huge)
	holds(t, s, huge, data)
	holds(t, s, huge+page, make([]byte, page))
	holds(t, s, huge+2*page, bytes.Repeat([]byte{1}, int(huge)-2*page))
	holds(t, s, 2*huge, make([]byte, huge))
	require.Eventually(t, discarded, 10*time.Second, 10*time.Millisecond)
}
