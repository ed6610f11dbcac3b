package sbc_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// badBlock fails each op that touches a block of 512 bytes.
func badBlock(op backend.Op, lba int64) backend.Hook {
	return func(o backend.Op, off, n int64) error {
		if o == op && off <= lba*512 && lba*512 < off+n {
			return errBroken
		}
		return nil
	}
}

// badSense is MEDIUM ERROR, a code and its qualifier, and INFORMATION.
func badSense(code string, lba int64) string {
	return fmt.Sprintf("f0 00 03 %08x 0a 00000000 %s 00 000000", lba, code)
}

// What comes before a bad block has been read, written or verified, and the INFORMATION field says how far (SBC-3 4.18.1).
func TestABadBlockIsNamed(t *testing.T) {
	const first, blocks = 100, 64
	for _, bad := range []int64{100, 101, 105, 131, 132, 162, 163} {
		good := int(bad-first) * 512
		t.Run(fmt.Sprint("READ ", bad), func(t *testing.T) {
			m := patterned(3)
			h := newHost(t, backend.Intercept(m, badBlock(backend.OpRead, bad)))
			a := h.Fetch("28 00 00000064 00 0040 00", blocks*512)
			a.Raw(badSense("11 00", bad))
			require.Equal(t, good > 0, a.Delivers())
			require.Equal(t, hex(m.data[first*512:][:good]), hex(a.Delivered()))
		})
		t.Run(fmt.Sprint("READ into less ", bad), func(t *testing.T) {
			h := newHost(t, backend.Intercept(patterned(3), badBlock(backend.OpRead, bad)))
			a := h.Fetch("28 00 00000064 00 0040 00", 2*512)
			if good < 2*512 {
				a.Raw(badSense("11 00", bad))
			}
			require.Len(t, a.Delivered(), min(good, 2*512))
		})
		t.Run(fmt.Sprint("WRITE ", bad), func(t *testing.T) {
			m, data := newRecorder(1<<20), pattern(blocks*512, 7)
			h := newHost(t, backend.Intercept(m, badBlock(backend.OpWrite, bad)))
			h.Send("2a 00 00000064 00 0040 00", data[:1000], data[1000:]).Raw(badSense("0c 00", bad))
			require.Equal(t, hex(data[:good]), hex(m.data[first*512:][:good]))
			require.Equal(t, make([]byte, 512), m.data[bad*512:][:512])
		})
		t.Run(fmt.Sprint("VERIFY ", bad), func(t *testing.T) {
			h := newHost(t, backend.Intercept(patterned(3), badBlock(backend.OpRead, bad)))
			h.Send("2f 00 00000064 00 0040 00").Raw(badSense("11 00", bad))
		})
	}
}

// A command that compares does not say that what comes before the bad block is equal: nobody has looked.
func TestABadBlockIsNotNamedWhereThatWouldSayMore(t *testing.T) {
	h := newHost(t, backend.Intercept(newRecorder(1<<20), badBlock(backend.OpRead, 105)))
	h.Send("2f 02 00000064 00 0040 00", make([]byte, 64*512)).Raw("70 00 03 00000000 0a 00000000 11 00 00 000000")
	h.Send("89 00 0000000000000064 000000 08 00 00", make([]byte, 16*512)).Raw("70 00 03 00000000 0a 00000000 11 00 00 000000")
}

// A medium that fails once does not fail the command: the error is reported, and the blocks are there.
func TestABlockThatCanBeReadAfterAllIsNotBad(t *testing.T) {
	m, reports := patterned(3), 0
	h := newHost(t, backend.Intercept(m, backend.FailNth(backend.OpRead, 1, errBroken)), func(c *sbc.Config) {
		c.Report = func(*scsi.Command, error) { reports++ }
	})
	require.Equal(t, hex(m.data[100*512:][:8*512]), hex(h.Fetch("28 00 00000064 00 0008 00", 8*512).Data()))
	require.Equal(t, 1, reports)
}

// The look for a bad block ends where the command is aborted, and with another cause of failure than the medium it does
// not begin.
func TestABadBlockIsNotLookedFor(t *testing.T) {
	for _, err := range []error{syscall.ENODEV, syscall.ENOSPC, syscall.ENOMEM} {
		var reads atomic.Int64
		h := newHost(t, backend.Intercept(newRecorder(1<<20), func(op backend.Op, _, _ int64) error {
			reads.Add(1)
			return err
		}))
		require.Equal(t, scsi.CheckCondition == h.Fetch("28 00 00000064 00 0040 00", 64*512).Status, err != syscall.ENOMEM)
		require.EqualValues(t, 1, reads.Load(), err)
	}
}

// While a store is away, initiators are told to come again, or, where they had better not, to go. When it is back all is well,
// and nobody has to be told.
func TestAStoreThatGoesAwayAndComesBack(t *testing.T) {
	var away atomic.Bool
	d := newDisk(t, backend.Intercept(volatile(), func(backend.Op, int64, int64) error {
		if away.Load() {
			return fmt.Errorf("the server is restarting: %w", backend.ErrUnavailable)
		}
		return nil
	}))
	h := host(t, d)
	all := func(check func(*scsitest.Answer)) {
		t.Helper()
		check(h.Fetch("28 00 00000000 00 0008 00", 8*512))
		check(h.Send("2a 00 00000000 00 0008 00", make([]byte, 8*512)))
		check(h.Send("35 00 00000000 00 0000 00"))
		check(h.Send("41 00 00000000 00 0008 00", make([]byte, 512)))
		check(h.Send("42 00 00000000 00 0018 00", oneBlock))
		check(h.Send("00 00 00 00 00 00"))
	}
	good := func(a *scsitest.Answer) { t.Helper(); a.Data() }
	all(good)
	away.Store(true)
	sense := "02 04 01"
	fails := func(a *scsitest.Answer) {
		t.Helper()
		if a.Result.Status == scsi.Good { // TEST UNIT READY asks nothing of the store
			return
		}
		a.Sense(sense)
	}
	all(fails)
	d.SetAttributes(sbc.Attributes{FailFast: true})
	sense = "02 04 03"
	all(fails)
	away.Store(false)
	all(good)
}
