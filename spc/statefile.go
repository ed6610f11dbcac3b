package spc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// The file begins with stateMagic and the checksum of what follows: records one after the other, sorted by name, each a
// length in one byte, the name, a length in four bytes, the record. Numbers are big-endian.
const (
	stateMagic = "tcmud\x00\x00\x01" // the last byte is the version
	stateHead  = len(stateMagic) + 4
	// maxState bounds the file: a unit keeps a few KiB.
	maxState = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// StateFile is a State in one file. It is replaced as a whole, so that a loss of power leaves the one before or the one
// after.
type StateFile struct {
	path string

	mu      sync.Mutex
	records map[string][]byte // guarded by mu
	damage  error             // immutable: nothing is read or written any more
}

var _ State = (*StateFile)(nil)

// OpenState reads the file at path; without one there are no records, and the first Save makes it, with its directory. A
// file that is damaged, or cannot be read, makes each Load and Save fail and stays as it is, for people to look at.
func OpenState(path string) *StateFile {
	s := &StateFile{path: path}
	content, err := readState(path)
	if err == nil {
		s.records, err = parseState(content)
	}
	if err != nil {
		s.damage = fmt.Errorf("what the unit remembers is damaged: %s: %w", path, err)
	}
	return s
}

// readState is the content of the file, at most one byte more than it may have.
func readState(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxState+1))
}

var errState = errors.New("not a file of ours, or cut short")

// parseState takes the content of a file apart; no content is no records.
func parseState(p []byte) (map[string][]byte, error) {
	records := map[string][]byte{}
	switch {
	case len(p) == 0:
		return records, nil
	case len(p) < stateHead || len(p) > maxState || string(p[:len(stateMagic)-1]) != stateMagic[:len(stateMagic)-1]:
		return nil, errState
	case p[len(stateMagic)-1] != stateMagic[len(stateMagic)-1]:
		return nil, fmt.Errorf("version %d, and only %d is known", p[len(stateMagic)-1], stateMagic[len(stateMagic)-1])
	case binary.BigEndian.Uint32(p[len(stateMagic):]) != crc32.Checksum(p[stateHead:], castagnoli):
		return nil, errors.New("its checksum is wrong")
	}
	for p = p[stateHead:]; len(p) > 0; {
		name, rest, ok := cut(p, 1)
		record, rest, ok2 := cut(rest, 4)
		if !ok || !ok2 || len(record) == 0 {
			return nil, errState
		}
		if _, twice := records[string(name)]; twice {
			return nil, fmt.Errorf("record %q is there twice", name)
		}
		records[string(name)], p = record, rest
	}
	return records, nil
}

// cut splits off what begins with its length in n bytes.
func cut(p []byte, n int) (head, rest []byte, ok bool) {
	if len(p) < n {
		return nil, nil, false
	}
	var length uint64
	for _, b := range p[:n] {
		length = length<<8 | uint64(b)
	}
	if p = p[n:]; length > uint64(len(p)) {
		return nil, nil, false
	}
	return p[:length:length], p[length:], true
}

// formatState is the inverse of parseState.
func formatState(records map[string][]byte) []byte {
	p := append([]byte(stateMagic), 0, 0, 0, 0)
	for _, name := range slices.Sorted(maps.Keys(records)) {
		p = append(append(p, byte(len(name))), name...)
		p = binary.BigEndian.AppendUint32(p, uint32(len(records[name])))
		p = append(p, records[name]...)
	}
	binary.BigEndian.PutUint32(p[len(stateMagic):], crc32.Checksum(p[stateHead:], castagnoli))
	return p
}

// Load implements State.
func (s *StateFile) Load(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records[name]), s.damage
}

// Save implements State.
func (s *StateFile) Save(name string, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damage != nil {
		return s.damage
	}
	if len(name) == 0 || len(name) > 0xff {
		return fmt.Errorf("record name of %d bytes", len(name))
	}
	if slices.Equal(s.records[name], record) {
		return nil
	}
	records := maps.Clone(s.records)
	records[name] = slices.Clone(record)
	if len(record) == 0 {
		delete(records, name)
	}
	if err := s.write(records); err != nil {
		return err
	}
	s.records = records
	return nil
}

// write replaces the file, durably; no records are no file.
func (s *StateFile) write(records map[string][]byte) error {
	dir := filepath.Dir(s.path)
	if len(records) == 0 {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncFile(dir)
	}
	content := formatState(records)
	if len(content) > maxState {
		return fmt.Errorf("%d bytes to remember, %d at most", len(content), maxState)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	next := s.path + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	if err := syncFile(next); err != nil {
		return err
	}
	if err := os.Rename(next, s.path); err != nil {
		return err
	}
	return syncFile(dir)
}

// syncFile makes a file, or the names in a directory, durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
