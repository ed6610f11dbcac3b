package sbc_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// status1 is RECEIVE COPY STATUS (LID1), details RECEIVE COPY FAILURE DETAILS (LID1), status4 RECEIVE COPY STATUS (LID4).
func status1(h *scsitest.Host, id int) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("84 00 %02x 00*7 000000ff 00 00", id), 255)
}

func details(h *scsitest.Host, id int) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("84 04 %02x 00*7 000000ff 00 00", id), 255)
}

func status4(h *scsitest.Host, id int) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("84 05 %08x 00*4 000000ff 00 00", id), 255)
}

func TestCopyStatus(t *testing.T) {
	d := newDisk(t, patterned(1))
	h := host(t, d)
	status1(h, 1).Sense("05 24 00 cf 00 02") // no copy operation is known by that identifier
	details(h, 1).Sense("05 24 00 cf 00 02")
	status4(h, 1).Sense("05 24 00 cf 00 02")
	h.Send("83 1c 00000001 00*8 00 00").Sense("05 24 00 cf 00 02")

	extendedCopy1(h, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 3, 0, 9), blocks(0, 0, 0, 1, 0, 9)})).Good()
	status1(h, 1).Good("00000008 01 0002 00 00000800")
	details(h, 1).Good("00000000")
	status4(h, 1).Good("0000001c 00 01 0002 ffffffff 00 00 00 00 0000000000000800 0002 00*6")
	h.Send("83 1c 00000001 00*8 00 00").Good() // it runs no more

	extendedCopy4(h, lid4(0x01020304, 0, 0, []string{first}, []string{blocks(0, 0, 0, 3, 0, 9), blocks(4, 0, 0, 1, 0, 9)})).Sense("0a 26 16 8a 00 6d")
	sense := "70 00 0a 00000000 0a 00000001 26 16 00 8a 00 6d"
	status4(h, 0x01020304).Good("0000002e 01 02 0001 ffffffff 02 12 12 00 0000000000000600 0001 00*6", sense)
	extendedCopy1(h, lid1(2, 0, []string{first}, []string{blocks(0, 0, 1, 1, 0, 0)})).Sense("0a 08 04 80 00 36")
	status1(h, 2).Good("00000008 02 0000 00 00000000")
	details(h, 2).Good("0000004a 00*52 02 00 0012", "70 00 0a 00000000 0a 00000000 08 04 00 80 00 36")
	d.Set(scsi.DescriptorFormat, true)
	details(h, 2).Good("00000054 00*52 02 00 001c", "72 0a 08 04 000000 14 01 0a 00*10 02 06 0000 80 0036 00")
}

// The outcome is held as LIST ID USAGE says, and no longer than it may be wanted.
func TestCopyStatusIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, patterned(1))
		one := []string{blocks(0, 0, 0, 1, 0, 9)}
		extendedCopy1(h, lid1(1, 0x10, []string{first}, one)).Good() // discard
		status1(h, 1).Sense("05 24 00 cf 00 02")
		extendedCopy1(h, lid1(0, 0x18, []string{first}, one)).Good() // no identifier
		status1(h, 0).Sense("05 24 00 cf 00 02")
		extendedCopy1(h, lid1(1, 0, []string{first}, one)).Good()
		time.Sleep(900 * time.Millisecond)
		status1(h, 1).Good("00000008 01 0001 00 00000200")
		extendedCopy1(h, lid1(1, 0, []string{first}, nil)).Good() // another of that name
		status1(h, 1).Good("00000008 01 0000 00 00000000")
		time.Sleep(time.Second)
		status1(h, 1).Sense("05 24 00 cf 00 02")
		for id := range 70 { // more than are held
			extendedCopy1(h, lid1(id, 0, []string{first}, one)).Good()
		}
		status1(h, 5).Sense("05 24 00 cf 00 02")
		status1(h, 6).Good("00000008 01 0001 00 00000200")
	})
}

// A list identifier means nothing to another nexus.
func TestCopyStatusIsOfTheNexus(t *testing.T) {
	d := newDisk(t, patterned(1))
	a, b := host(t, d), scsitest.Join(t, d.Unit, "host b", &seen)
	extendedCopy1(a, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9)})).Good()
	extendedCopy1(b, lid1(1, 0, []string{first}, nil)).Good()
	status1(a, 1).Good("00000008 01 0001 00 00000200")
	status1(b, 1).Good("00000008 01 0000 00 00000000")
}

// waiting is a store of which each read waits until it is let go.
func waiting(m backend.Store) (s backend.Store, letGo chan struct{}) {
	letGo = make(chan struct{})
	return backend.Intercept(m, func(op backend.Op, _, _ int64) error {
		if op == backend.OpRead {
			<-letGo
		}
		return nil
	}), letGo
}

// TestCopyInTheBackground: IMMED, and what can be asked meanwhile.
func TestCopyInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := patterned(1)
		s, letGo := waiting(m)
		h := newHost(t, s)
		list := lid4(7, 0, 1, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9), blocks(0, 0, 0, 2, 0, 20)})
		extendedCopy4(h, list).Good()
		synctest.Wait()
		status4(h, 7).Good("0000001c 01 12 0000 00000064 00 00 00 00 0000000000000000 0000 00*6")
		status1(h, 7).Good("00000008 00 0000 00 00000000")
		extendedCopy4(h, list).Sense("05 00 16") // its identifier is in use
		extendedCopy1(h, lid1(7, 0, nil, nil)).Sense("05 00 16")
		letGo <- struct{}{}
		synctest.Wait()
		status4(h, 7).Good("0000001c 01 12 0001 00000064 00 00 00 00 0000000000000200 0001 00*6")
		letGo <- struct{}{}
		synctest.Wait()
		extendedCopy4(h, list).Sense("05 00 16") // nobody has been told of the outcome
		status4(h, 7).Good("0000001c 01 01 0002 ffffffff 00 00 00 00 0000000000000600 0002 00*6")
		require.Equal(t, m.data[:512], m.data[9*512:10*512])
		extendedCopy1(h, lid1(7, 0, nil, nil)).Good()

		extendedCopy4(h, list).Good()
		letGo <- struct{}{}
		letGo <- struct{}{}
		synctest.Wait()
		time.Sleep(time.Minute)
		status4(h, 7).Sense("05 24 00 cf 00 02") // nobody will ask any more
	})
}

// TestCopyOperationAbort ends an operation before its next piece.
func TestCopyOperationAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := patterned(1)
		s, letGo := waiting(m)
		h := newHost(t, s)
		extendedCopy4(h, lid4(7, 0, 1, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9), blocks(0, 0, 0, 2, 0, 20)})).Good()
		synctest.Wait()
		h.Send("83 1c 00000007 00*8 00 00").Good()
		status4(h, 7).Good("0000001c 01 12 0000 00000064 00 00 00 00 0000000000000000 0000 00*6")
		letGo <- struct{}{}
		synctest.Wait()
		status4(h, 7).Good("0000002e 01 60 0001 ffffffff 02 12 12 00 0000000000000200 0001 00*6", "70 00 0a 00000000 0a 00000001 00 00 00 000000")
		status1(h, 7).Good("00000008 02 0001 00 00000200")
		require.Equal(t, pattern(1<<20, 1)[20*512:], m.data[20*512:])
	})
}

// TestTooManyCopies: TOTAL CONCURRENT COPIES is 16.
func TestTooManyCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, letGo := waiting(patterned(1))
		h := newHost(t, s)
		copyOf := func(id int) []byte { return lid4(id, 0, 1, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9)}) }
		for id := range 16 {
			extendedCopy4(h, copyOf(id)).Good()
		}
		extendedCopy4(h, copyOf(16)).Sense("05 55 03")
		extendedCopy1(h, lid1(16, 0, nil, nil)).Sense("05 55 03")
		close(letGo)
		synctest.Wait()
		extendedCopy4(h, copyOf(16)).Good()
	})
}

// TestDiskGoes while it is copied from: what it copies itself ends before Close returns, and others are told that they
// cannot reach it.
func TestDiskGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var manager sbc.CopyManager
		m2 := patterned(2)
		s, letGo := waiting(patterned(1))
		d1 := newDisk(t, s, with(&manager))
		d2 := newDisk(t, m2, with(&manager), isSecond)
		h1, h2 := host(t, d1), host(t, d2)
		list := func(id int) []byte {
			return lid4(id, 0, 1, []string{first, second}, []string{blocks(0, 0, 1, 1, 0, 0), blocks(0, 0, 1, 1, 0, 1)})
		}
		extendedCopy4(h1, list(1)).Good()
		extendedCopy4(h2, list(2)).Good()
		synctest.Wait()
		closed := make(chan struct{})
		go func() { d1.Close(); close(closed) }()
		synctest.Wait()
		require.Empty(t, closed)
		letGo <- struct{}{} // either
		letGo <- struct{}{}
		<-closed
		synctest.Wait()
		status4(h2, 2).Good("0000002e 01 02 0001 ffffffff 02 12 12 00 0000000000000200 0001 00*6", "70 00 0a 00000000 0a 00000001 0d 02 00 800030")
		extendedCopy1(h1, lid1(1, 0, nil, nil)).Sense("05 00 16")
		status4(h1, 1).Data()
		extendedCopy1(h1, lid1(1, 0, nil, nil)).Sense("05 55 03") // it begins nothing any more
		require.Equal(t, pattern(1<<20, 2)[512:], m2.data[512:])
	})
}

// TestPanicInACopy is none of its business, but the operation has ended.
func TestPanicInACopy(t *testing.T) {
	broken := true
	h := newHost(t, backend.Intercept(patterned(1), func(backend.Op, int64, int64) error {
		if broken {
			panic("store")
		}
		return nil
	}))
	list := lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9)})
	require.PanicsWithValue(t, "store", func() { extendedCopy1(h, list) })
	status1(h, 1).Good("00000008 02 0000 00 00000000")
	details(h, 1).Good("0000004a 00*52 02 00 0012", "70 00 04 00000000 0a 00000000 44 00 00 000000")
	broken = false
	extendedCopy1(h, list).Good()
}
