package backend

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// owner1 is sha256("1").
const owner1 = "\x6b\x86\xb2\x73\xff\x34\xfc\xe1\x9d\x6b\x80\x4e\xff\x5a\x3f\x57\x47\xad\xa4\xea\xa2\x2f\x1d\x49\xc0\x1e\x52\xdd\xb7\x87\x5b\x4b"

// wholeFile is a journal of a store named 1, with a record of data for offset 1000h.
func wholeFile(data string, change func(head []byte)) []byte {
	head := make([]byte, 4096)
	copy(head, "tcmudjnl\x01\x00\x00\x00")
	copy(head[16:], owner1)
	copy(head[48:], "\x00\x10")
	binary.LittleEndian.PutUint64(head[56:], uint64(len(data)))
	change(head)
	sum := crc32.Checksum(append(bytes.Clone(head), data...), crc32.MakeTable(crc32.Castagnoli))
	if binary.LittleEndian.Uint32(head[12:]) == 0 {
		binary.LittleEndian.PutUint32(head[12:], sum)
	}
	file := append(head, data...)
	return append(file, make([]byte, 4096+1<<20-len(file))...)
}

func asIs([]byte) {}

// TestJournalIsReplayed when its record is whole and of this store, and else not; either way it is gone then.
func TestJournalIsReplayed(t *testing.T) {
	data := string(bytes.Repeat([]byte("new."), 256))
	cut := wholeFile(data, asIs)[:4096+1000]
	torn := wholeFile(data, asIs)
	torn[4096+513] = 'X'
	for _, test := range []struct {
		name string
		file []byte // nil: none
		want bool
	}{
		{"whole", wholeFile(data, asIs), true},
		{"none", nil, false},
		{"empty", []byte{}, false},
		{"struck out", make([]byte, 4096+1<<20), false},
		{"cut short", cut, false},
		{"torn", torn, false},
		{"wrong sum", wholeFile(data, func(h []byte) { h[12] = 1 }), false},
		{"not a journal", wholeFile(data, func(h []byte) { h[0] = 'T' }), false},
		{"another version", wholeFile(data, func(h []byte) { h[8] = 2 }), false},
		{"another store's", wholeFile(data, func(h []byte) { h[16]++ }), false},
		{"something in the rest of the head", wholeFile(data, func(h []byte) { h[64] = 1 }), false},
		{"too long", wholeFile(data, func(h []byte) { h[59] = 1 }), false},
		{"length of 64 bits", wholeFile(data, func(h []byte) { h[63] = 0xff }), false},
		{"beyond the end", wholeFile(data, func(h []byte) { h[50] = 1 }), false},
		{"offset of 64 bits", wholeFile(data, func(h []byte) { h[55] = 0xff }), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			if test.file != nil {
				require.NoError(t, os.WriteFile(path, test.file, 0o600))
			}
			var placed []string
			_, err := openJournal(path, "1", false, 8192, func(p []byte, off int64) error {
				require.EqualValues(t, 0x1000, off)
				placed = append(placed, string(p))
				return nil
			})
			require.NoError(t, err)
			require.NoFileExists(t, path)
			if test.want {
				require.Equal(t, []string{data}, placed)
			} else {
				require.Empty(t, placed)
			}
		})
	}
}

// What cannot be finished now can be finished later.
func TestJournalStaysWhenReplayFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, wholeFile("data", asIs), 0o600))
	_, err := openJournal(path, "1", false, 8192, func([]byte, int64) error { return unix.EIO })
	require.ErrorIs(t, err, unix.EIO)
	require.ErrorContains(t, err, "an atomic write may be half done")
	require.FileExists(t, path)
}

// TestJournalSteps looks at the file from between the steps of two writes, the second one shorter.
func TestJournalSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "journal")
	j, err := openJournal(path, "1", false, 8192, nil)
	require.NoError(t, err)
	require.NoFileExists(t, path, "no journal before it is needed")
	require.NoDirExists(t, filepath.Dir(path))
	for _, data := range []string{"some data", "less"} {
		placed := false
		err = j.write([][]byte{[]byte(data[:2]), nil, []byte(data[2:])}, 0x1000, int64(len(data)), func(p []byte, off int64) error {
			placed = true
			require.Equal(t, data, string(p))
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			want := wholeFile(data, asIs)
			require.Len(t, file, len(want))
			require.Equal(t, want[:4096+len(data)], file[:4096+len(data)])
			return nil
		})
		require.NoError(t, err)
		require.True(t, placed)
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, make([]byte, 4096), file[:4096], "struck out before it is answered")
	}
	require.NoError(t, j.close())
	require.NoFileExists(t, path)
	require.NoError(t, (*journal)(nil).close())
}

// A write that fails leaves no record, and the next one finds the journal in order.
func TestJournalAfterAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, "1", false, 8192, nil)
	require.NoError(t, err)
	broken := errors.New("broken")
	for range 2 {
		err = j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { return broken })
		require.ErrorIs(t, err, broken)
		require.NoFileExists(t, path)
	}
	require.NoError(t, j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { return nil }))

	require.NoError(t, j.close())
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "file"), nil, 0o600))
	j.path = filepath.Join(filepath.Dir(path), "file", "journal")
	err = j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { t.Error("placed"); return nil })
	require.ErrorContains(t, err, "no journal for an atomic write")
}

// The memory of the initiator may change while it is written: both copies are the same all the same.
func TestJournalTakesACopy(t *testing.T) {
	j, err := openJournal(filepath.Join(t.TempDir(), "journal"), "1", true, 8192, nil)
	require.NoError(t, err)
	data := []byte("data")
	require.NoError(t, j.write([][]byte{data}, 0, 4, func(p []byte, _ int64) error {
		copy(data, "atad")
		require.Equal(t, "data", string(p))
		return nil
	}))
	require.NoError(t, j.close())
}

// A file is told by what it is, not by its name, and one that takes its place is another.
func TestOwner(t *testing.T) {
	dir := t.TempDir()
	owner := func(name string) string {
		f, err := OpenFile(filepath.Join(dir, name), FileOptions{})
		require.NoError(t, err)
		defer f.Close()
		return f.owner()
	}
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 512), 0o600))
	}
	a, b := owner("a"), owner("b")
	require.Regexp(t, `^inode \d+ born \d+\.\d{9}$`, a)
	require.NotEqual(t, a, b)
	require.NoError(t, os.Truncate(filepath.Join(dir, "a"), 1024))
	require.NoError(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	require.Equal(t, a, owner("c"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 512), 0o600))
	require.NotEqual(t, a, owner("a"))
}

// A file that died in an atomic write is finished under its next name, and what has its old name is left alone.
func TestJournalFollowsItsFile(t *testing.T) {
	dir, journals := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "disk")
	opened := func(path string, do func(f *File)) []byte {
		f, err := OpenFile(path, FileOptions{Journals: journals})
		require.NoError(t, err)
		do(f)
		require.NoError(t, f.Close())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	nothing := func(*File) {}
	require.NoError(t, os.WriteFile(path, make([]byte, 8192), 0o600))
	var journal string
	var record []byte
	opened(path, func(f *File) {
		journal = f.journal.path
		require.NoError(t, f.journal.write([][]byte{[]byte("data")}, 512, 4, func([]byte, int64) (err error) {
			record, err = os.ReadFile(journal)
			return err
		}))
	})
	require.NoError(t, os.WriteFile(journal, record, 0o600)) // as if it had died then
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, os.WriteFile(path, make([]byte, 8192), 0o600))
	require.Equal(t, make([]byte, 8192), opened(path, nothing))
	require.Equal(t, "data", string(opened(path+".old", nothing)[512:516]))
	require.NoFileExists(t, journal)
}

// unsyncableFile is one that takes all that is written, and cannot make it durable.
func unsyncableFile(t *testing.T) *os.File {
	f, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	require.NoError(t, err)
	return f
}

// No step begins before the one before it is durable, and a write is not answered before the last is.
func TestJournalWaitsForTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path, "1", false, 8192, nil)
	require.NoError(t, err)
	require.NoError(t, j.create())
	j.file = unsyncableFile(t)
	err = j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { t.Error("placed"); return nil })
	require.ErrorIs(t, err, unix.EINVAL)
	require.NoFileExists(t, path)

	err = j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { j.file = unsyncableFile(t); return nil })
	require.ErrorIs(t, err, unix.EINVAL, "the record may still be there")
	require.NoFileExists(t, path)

	j.memory = true
	require.NoError(t, j.create())
	j.file = unsyncableFile(t)
	require.NoError(t, j.write([][]byte{[]byte("data")}, 0, 4, func([]byte, int64) error { return nil }), "what is in memory need not be")
	require.NoError(t, j.close())
}

// FuzzJournal opens journals that anything has been written to: whatever is placed lies within the store.
func FuzzJournal(f *testing.F) {
	f.Add([]byte{})
	f.Add(wholeFile("data", asIs)[:4100])
	f.Add(wholeFile("data", func(h []byte) { h[50] = 1 })[:4100])
	path := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, file []byte) {
		file = append(file, make([]byte, max(0, 4096+1<<20-len(file)))...)
		require.NoError(t, os.WriteFile(path, file, 0o600))
		_, err := openJournal(path, "1", true, 8192, func(p []byte, off int64) error {
			require.NoError(t, within(off, int64(len(p)), 8192))
			return nil
		})
		require.NoError(t, err)
		require.NoFileExists(t, path)
	})
}
