package spc

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// stateBytes is a file with the records "a" (ff) and "mode pages" (01 02), checksum by an implementation of our own below.
var stateBytes = scsitest.Hex(
	"74636d7564 0000 01", // "tcmud", version 1
	"00000000",           // the checksum goes here
	"01 61 00000001 ff",
	"0a 6d6f6465207061676573 00000002 0102")

// crc32c is the checksum of RFC 3720 appendix B.4, bit by bit.
func crc32c(p []byte) uint32 {
	crc := ^uint32(0)
	for _, b := range p {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ 0x82f63b78*(crc&1)
		}
	}
	return ^crc
}

// sealed is a file with its checksum made right.
func sealed(p []byte) []byte {
	p = append([]byte{}, p...)
	copy(p[8:], scsitest.Hex(fmt.Sprintf("%08x", crc32c(p[12:]))))
	return p
}

func TestStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "units", "disk0")
	s := OpenState(path)
	require.NoError(t, s.Save("nothing", nil))
	require.NoFileExists(t, path, "there is nothing to remember yet")
	record, err := s.Load("mode pages")
	require.NoError(t, err)
	require.Nil(t, record)

	require.NoError(t, s.Save("mode pages", []byte{1, 2}))
	require.NoError(t, s.Save("a", []byte{0xff}))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, sealed(stateBytes), content)

	s = OpenState(path)
	record, err = s.Load("mode pages")
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2}, record)
	record[0] = 9 // the caller's own
	record, _ = s.Load("mode pages")
	require.Equal(t, []byte{1, 2}, record)

	require.NoError(t, s.Save("mode pages", nil))
	require.NoError(t, s.Save("a", []byte{}))
	require.NoFileExists(t, path)
	require.NoFileExists(t, path+".new")
	record, err = OpenState(path).Load("a")
	require.NoError(t, err)
	require.Nil(t, record)
}

// What cannot be believed is not used, nor overwritten.
func TestDamagedStateFile(t *testing.T) {
	whole := sealed(stateBytes)
	for name, test := range map[string]struct {
		content []byte
		say     string
	}{
		"cut in the head":       {whole[:11], "cut short"},
		"cut in a record":       {sealed(whole[:len(whole)-1]), "cut short"},
		"cut in a length":       {sealed(whole[:14]), "cut short"},
		"a byte changed":        {append(append([]byte{}, whole[:30]...), append([]byte{0x55}, whole[31:]...)...), "checksum"},
		"somebody else's":       {append([]byte("{\"tcmud\":1}"), whole...), "not a file of ours"},
		"of a later version":    {append([]byte("tcmud\x00\x00\x02"), whole[8:]...), "version 2, and only 1 is known"},
		"an empty record":       {sealed(append(append([]byte{}, whole...), 1, 'z', 0, 0, 0, 0)), "cut short"},
		"a record twice":        {sealed(append(append([]byte{}, whole...), 1, 'a', 0, 0, 0, 1, 7)), `record "a" is there twice`},
		"a length of 4 GiB":     {sealed(append(append([]byte{}, whole...), 1, 'z', 255, 255, 255, 255, 7)), "cut short"},
		"more than it may have": {sealed(append(append([]byte{}, whole...), make([]byte, maxState)...)), "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk0")
			require.NoError(t, os.WriteFile(path, test.content, 0o600))
			s := OpenState(path)
			_, err := s.Load("a")
			require.ErrorContains(t, err, test.say)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, s.Save("a", []byte{1}), test.say)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, test.content, content)
		})
	}
	s := OpenState(t.TempDir())
	_, err := s.Load("a")
	require.ErrorContains(t, err, "is a directory")
}

func TestStateFileRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk0")
	s := OpenState(path)
	require.NoError(t, s.Save("a", []byte{1}))
	require.ErrorContains(t, s.Save("a", make([]byte, maxState)), "1048576 at most")
	require.ErrorContains(t, s.Save("", []byte{1}), "record name of 0 bytes")
	require.ErrorContains(t, s.Save(string(make([]byte, 256)), []byte{1}), "256 bytes")
	require.NoError(t, os.Mkdir(path+".new", 0o700)) // nothing can be written there
	require.ErrorContains(t, s.Save("a", []byte{2}), "is a directory")
	record, err := s.Load("a")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, record)
	record, err = OpenState(path).Load("a")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, record)
}

func TestStateFileUnderConcurrency(t *testing.T) {
	s := OpenState(filepath.Join(t.TempDir(), "disk0"))
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			name := fmt.Sprint(i)
			for n := range 10 {
				require.NoError(t, s.Save(name, []byte{byte(n + 1)}))
				record, err := s.Load(name)
				require.NoError(t, err)
				require.Equal(t, []byte{byte(n + 1)}, record)
			}
		})
	}
	group.Wait()
	require.Equal(t, s.records, OpenState(s.path).records)
}

// Whatever the file holds, it is refused, or read as what it would be written as.
func FuzzParseState(f *testing.F) {
	f.Add(stateBytes)
	f.Add(stateBytes[:12])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) >= stateHead {
			p = sealed(p)
		}
		records, err := parseState(p)
		if err != nil {
			require.Nil(t, records)
			return
		}
		again, err := parseState(formatState(records))
		require.NoError(t, err)
		require.Equal(t, records, again)
	})
}
