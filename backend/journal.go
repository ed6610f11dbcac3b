package backend

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// JournalSuffix is what the name of a ramdisk's file and that of its journal differ in.
const JournalSuffix = ".journal"

// journal is a file beside a store that makes its writes atomic, one at a time:
//
//  1. a record of what is to be written, and where, goes into the journal;
//  2. the bytes go into their place in the store;
//  3. the record is struck out.
//
// Each step is durable before the next begins, and the write is answered after the last: so there is never a record of a
// write that was answered, which could come back over a later one. A store that is opened finds a whole record only if
// it died between the end of 1 and the end of 3, and then does 2 and 3 again. A torn record, which has not the sum that it
// claims, belongs to a write of which nothing is in the store yet.
//
// The file is there from the first atomic write until Close. Nobody else may write to a store that has died before it
// has been open again.
type journal struct {
	path string
	// owner identifies the store whose record it is, also after it was renamed, or the machine booted.
	owner [sha256.Size]byte
	// memory: the store and the journal are lost with power anyway, and what was written is there for the next process.
	memory bool

	mu     sync.Mutex
	file   *os.File // nil until there is one
	record []byte   // head and data, as the file has them; nil until there is a file
}

// A record is a head, zero but for these bytes, and the data. The sum, CRC-32C, is that of both with itself left out.
// Numbers are little-endian.
const (
	recordMagic   = "tcmudjnl"
	recordVersion = 1

	atVersion = 8  // 4 bytes
	atSum     = 12 // 4 bytes
	atOwner   = 16 // 32 bytes
	atOffset  = 48 // 8 bytes: of the data in the store
	atLength  = 56 // 8 bytes: of the data
	headSize  = 4096
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	noRecord   [headSize]byte
)

// seal puts a head before the data of record, which belong at off.
func (j *journal) seal(record []byte, off int64) {
	le := binary.LittleEndian
	clear(record[:headSize])
	copy(record, recordMagic)
	le.PutUint32(record[atVersion:], recordVersion)
	copy(record[atOwner:], j.owner[:])
	le.PutUint64(record[atOffset:], uint64(off))
	le.PutUint64(record[atLength:], uint64(len(record)-headSize))
	le.PutUint32(record[atSum:], crc32.Checksum(record, castagnoli))
}

// openJournal finishes by place what the journal at path has a record of, and removes it. size is that of the store.
func openJournal(path, owner string, memory bool, size int64, place func(p []byte, off int64) error) (*journal, error) {
	j := &journal{path: path, owner: sha256.Sum256([]byte(owner)), memory: memory}
	data, off, err := j.read()
	if err == nil && data != nil && within(off, int64(len(data)), size) == nil {
		err = place(data, off)
	}
	if err == nil {
		err = j.remove()
	}
	if err != nil {
		return nil, fmt.Errorf("an atomic write may be half done, and its journal cannot be used: %w", err)
	}
	return j, nil
}

// read returns the data of the record and its offset in the store; nil when there is no record that is whole and ours.
func (j *journal) read() (data []byte, off int64, err error) {
	file, err := os.OpenFile(j.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	record := make([]byte, headSize+maxAtomic)
	switch _, err := io.ReadFull(file, record); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF: // nobody lived to make it whole
		return nil, 0, nil
	default:
		return nil, 0, err
	}
	length := binary.LittleEndian.Uint64(record[atLength:])
	if length > maxAtomic {
		return nil, 0, nil
	}
	record, off = record[:headSize+length], int64(binary.LittleEndian.Uint64(record[atOffset:]))
	head := bytes.Clone(record[:headSize])
	if j.seal(record, off); !bytes.Equal(head, record[:headSize]) {
		return nil, 0, nil
	}
	return record[headSize:], off, nil
}

// write is the three steps. What is written is a copy of iov, for the sum must be that of it, and iov may change.
func (j *journal) write(iov [][]byte, off, n int64, place func(p []byte, off int64) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.create(); err != nil {
		return fmt.Errorf("no journal for an atomic write: %w", err)
	}
	record := j.record[:headSize+n]
	c := cursor{iov: iov}
	c.drain(record[headSize:])
	j.seal(record, off)
	err := j.put(record)
	if err == nil {
		err = place(record[headSize:], off)
	}
	if err == nil {
		err = j.put(noRecord[:])
	}
	if err != nil { // and yet the record may be there, which must not come back later
		return errors.Join(err, j.remove())
	}
	return nil
}

// put overwrites the beginning of the file.
func (j *journal) put(p []byte) error {
	if _, err := j.file.WriteAt(p, 0); err != nil || j.memory {
		return err
	}
	return fdatasync(int(j.file.Fd()))
}

// create makes the file, as long as the longest record, unless there is one.
func (j *journal) create() error {
	if j.file != nil {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(j.path), 0o700)
	if err != nil {
		return err
	}
	if j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600); err != nil {
		return err
	}
	j.record = make([]byte, headSize+maxAtomic)
	err = fallocate(int(j.file.Fd()), 0, 0, int64(len(j.record)))
	if errors.Is(err, errors.ErrUnsupported) {
		err = j.file.Truncate(int64(len(j.record)))
	}
	if err == nil && !j.memory {
		err = errors.Join(j.file.Sync(), syncDirectory(j.path))
	}
	if err != nil {
		return errors.Join(err, j.remove())
	}
	return nil
}

// remove takes the file away, and with it the record.
func (j *journal) remove() error {
	if j.file != nil {
		_ = j.file.Close() // nothing in it matters any more
		j.file, j.record = nil, nil
	}
	err := os.Remove(j.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || j.memory:
		return err
	}
	return syncDirectory(j.path)
}

// close is the end of the journal, with no record in it. A nil journal has nothing to close.
func (j *journal) close() error {
	if j == nil || j.file == nil {
		return nil
	}
	return j.remove()
}

// syncDirectory makes the coming or going of the file at path durable.
func syncDirectory(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
