package sbc_test

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// torn is a store in memory that keeps nobody from anybody, and lets others in after each block that it writes.
type torn struct {
	backend.Null
	data []byte
}

func (s *torn) Size() int64 { return int64(len(s.data)) }

func (s *torn) Readv(iov [][]byte, off int64) error {
	for _, b := range iov {
		off += int64(copy(b, s.data[off:]))
	}
	return nil
}

func (s *torn) Writev(iov [][]byte, off int64, _ bool) error {
	for _, b := range iov {
		for ; len(b) > 0; b = b[512:] {
			off += int64(copy(s.data[off:off+512], b))
			runtime.Gosched()
		}
	}
	return nil
}

// TestOwnersKeepAllLanesOff: what one I_T nexus writes uninterrupted, those of all lanes see whole, and so does the race
// detector.
func TestOwnersKeepAllLanesOff(t *testing.T) {
	d := newDisk(t, &torn{data: make([]byte, 1<<20)}, func(c *sbc.Config) { c.Reservations = true })
	const readers, each = 10, 500
	var group sync.WaitGroup
	owner := d.Join("owner")
	group.Go(func() {
		old, both := make([]byte, 1024), make([]byte, 2048)
		for i := range each {
			copy(both, old)
			copy(both[1024:], bytes.Repeat([]byte{byte(i)}, 1024))
			c := &scsi.Command{CDB: scsitest.Hex(compareAndWrite(0, 0, 2)), Data: scsi.Buffer{both}, Nexus: owner}
			assert.True(t, d.Do(c).OK())
			copy(old, both[1024:])
		}
	})
	for i := range readers {
		n := d.Join(fmt.Sprint("reader ", i))
		group.Go(func() {
			both, halves := make([]byte, 1024), 0
			for range each {
				c := &scsi.Command{CDB: scsitest.Hex("28 00 00000000 00 0002 00"), Data: scsi.Buffer{both}, Nexus: n}
				assert.True(t, d.Do(c).OK())
				if !bytes.Equal(both[:512], both[512:]) {
					halves++
				}
			}
			assert.Zero(t, halves, "half of it was old")
		})
	}
	group.Wait()
}
