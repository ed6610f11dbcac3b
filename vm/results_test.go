package vm

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// resultsDisk is a tar of the entries, with the zeros of a blank disk behind it.
func resultsDisk(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	var disk bytes.Buffer
	archive := tar.NewWriter(&disk)
	for _, h := range headers {
		content := h.PAXRecords["content"]
		h.PAXRecords, h.Size, h.Mode = nil, int64(len(content)), 0o644
		require.NoError(t, archive.WriteHeader(&h))
		_, err := archive.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	disk.Write(make([]byte, 8192))
	return &disk
}

func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"content": content}}
}

func folder(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir} }

func TestReadResults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	status, err := readResults(resultsDisk(t,
		file("status", "3\n"), folder("results/"), file("results/fio.json", "{}"),
		folder("results/sub/"), file("results/sub/log", "text"), file("results/deep/er", "x")), dir)
	require.NoError(t, err)
	require.Equal(t, 3, status)
	for name, want := range map[string]string{"fio.json": "{}", "sub/log": "text", "deep/er": "x"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

func TestReadResultsWithoutAFolder(t *testing.T) {
	status, err := readResults(resultsDisk(t, file("status", "0\n"), file("results/a", "A")), "")
	require.NoError(t, err)
	require.Zero(t, status)
}

func TestReadResultsOfAGuestThatDied(t *testing.T) {
	whole := resultsDisk(t, file("status", "0\n"), file("results/a", string(make([]byte, 4096)))).Bytes()
	tests := []struct {
		name string
		disk []byte
	}{
		{"blank disk", make([]byte, 8192)},
		{"empty disk", nil},
		{"no status", resultsDisk(t, file("results/a", "A")).Bytes()},
		{"cut short", whole[:2048]},
		{"not a tar", bytes.Repeat([]byte("x"), 2048)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readResults(bytes.NewReader(test.disk), "")
			require.ErrorIs(t, err, errNoResults)
		})
	}
}

func TestReadResultsDoubtsTheStatus(t *testing.T) {
	for _, text := range []string{"", "ok\n", "-1\n", "256\n"} {
		_, err := readResults(resultsDisk(t, file("status", text)), "")
		require.ErrorContains(t, err, "exit status", "%q", text)
	}
}

func TestReadResultsStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	inside := filepath.Join(dir, "inside")
	require.NoError(t, os.MkdirAll(inside, 0o755))
	require.NoError(t, os.Symlink(dir, filepath.Join(inside, "up")))
	for _, name := range []string{"results/../outside", "results/a/../../../outside", "results/up/outside"} {
		readResults(resultsDisk(t, file(name, "X"), file("status", "0\n")), inside)
		require.NoFileExists(t, outside, name)
	}
}

func TestReadResultsTakesNoLinks(t *testing.T) {
	dir := t.TempDir()
	link := tar.Header{Name: "results/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}
	_, err := readResults(resultsDisk(t, link, file("status", "0\n")), dir)
	require.NoError(t, err)
	_, err = os.Lstat(filepath.Join(dir, "link"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
