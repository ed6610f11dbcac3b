package sbc_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

var errBroken = fmt.Errorf("sector is gone: %w", syscall.EIO)

// oneBlock is an UNMAP parameter list for block 0.
var oneBlock = scsitest.Hex("0016 0010 00000000 0000000000000000 00000001 00000000")

// TestStoreErrors: each error of a store has the sense that suits it, and is reported with its command.
func TestStoreErrors(t *testing.T) {
	const (
		noSpace   = "07 27 07"
		protected = "07 27 00"
		away      = "02 04 01"
		failed    = "04 44 00"
		busy      = "" // which has no sense
		writeErr  = "03 0c 00"
		readErr   = "03 11 00"
	)
	block := pattern(512, 3)
	for _, test := range []struct {
		op   backend.Op
		name string
		cdb  string
		out  []byte
		in   int
		// what other errors are answered with is the same everywhere
		broken string
	}{
		{backend.OpRead, "READ (6)", "08 000000 01 00", nil, 512, readErr},
		{backend.OpRead, "READ (10)", "28 00 00000000 00 0001 00", nil, 512, readErr},
		{backend.OpFlush, "READ (10)", "28 08 00000000 00 0001 00", nil, 512, writeErr},
		{backend.OpRead, "READ (12)", "a8 00 00000000 00000001 00 00", nil, 512, readErr},
		{backend.OpRead, "READ (16)", "88 00 0000000000000000 00000001 00 00", nil, 512, readErr},
		{backend.OpWrite, "WRITE (6)", "0a 000000 01 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE (10)", "2a 00 00000000 00 0001 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE (12)", "aa 00 00000000 00000001 00 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE (16)", "8a 00 0000000000000000 00000001 00 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE STREAM (16)", "9a 00 0000000000000000 0001 0001 00 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE ATOMIC (16)", "9c 00 0000000000000000 0000 0001 00 00", block, 0, writeErr},
		{backend.OpWrite, "WRITE SCATTERED (16)", scattered(0, 1, 1, 2), append(scatteredList(512, 0, 1), block...), 0, writeErr},
		{backend.OpRead, "COMPARE AND WRITE", "89 00 0000000000000000 000000 01 00 00", make([]byte, 1024), 0, readErr},
		{backend.OpWrite, "COMPARE AND WRITE", "89 00 0000000000000000 000000 01 00 00", make([]byte, 1024), 0, writeErr},
		{backend.OpRead, "ORWRITE (16)", "8b 00 0000000000000000 00000001 00 00", block, 0, readErr},
		{backend.OpWrite, "ORWRITE (16)", "8b 00 0000000000000000 00000001 00 00", block, 0, writeErr},
		{backend.OpRead, "ORWRITE (32)", bitmap(setBits, 0, 0, 0), block, 0, readErr},
		{backend.OpWrite, "ORWRITE (32)", bitmap(clearBits, 7, 0, 0), block, 0, writeErr},
		{backend.OpRead, "WRITE AND VERIFY (10)", "2e 00 00000000 00 0001 00", block, 0, readErr},
		{backend.OpWrite, "WRITE AND VERIFY (10)", "2e 00 00000000 00 0001 00", block, 0, writeErr},
		{backend.OpRead, "WRITE AND VERIFY (12)", "ae 02 00000000 00000001 00 00", block, 0, readErr},
		{backend.OpWrite, "WRITE AND VERIFY (12)", "ae 02 00000000 00000001 00 00", block, 0, writeErr},
		{backend.OpRead, "WRITE AND VERIFY (16)", "8e 00 0000000000000000 00000001 00 00", block, 0, readErr},
		{backend.OpWrite, "WRITE AND VERIFY (16)", "8e 00 0000000000000000 00000001 00 00", block, 0, writeErr},
		{backend.OpRead, "VERIFY (10)", "2f 00 00000000 00 0001 00", nil, 0, readErr},
		{backend.OpRead, "VERIFY (12)", "af 00 00000000 00000001 00 00", nil, 0, readErr},
		{backend.OpFlush, "VERIFY (10)", "2f 00 00000000 00 0001 00", nil, 0, writeErr},
		{backend.OpRead, "VERIFY (16)", "8f 02 0000000000000000 00000001 00 00", make([]byte, 512), 0, readErr},
		{backend.OpFlush, "SYNCHRONIZE CACHE (10)", "35 00 00000000 00 0000 00", nil, 0, writeErr},
		{backend.OpFlush, "SYNCHRONIZE CACHE (16)", "91 00 0000000000000000 00000000 00 00", nil, 0, writeErr},
		{backend.OpWrite, "WRITE SAME (10)", "41 00 00000000 00 0002 00", block, 0, writeErr},
		{backend.OpZero, "WRITE SAME (16)", "93 01 0000000000000000 00000002 00 00", nil, 0, writeErr},
		{backend.OpDiscard, "WRITE SAME (16)", "93 09 0000000000000000 00000002 00 00", nil, 0, writeErr},
		{backend.OpDiscard, "UNMAP", "42 00 00000000 00 0018 00", oneBlock, 0, writeErr},
		{backend.OpFlush, "START STOP UNIT", "1b 00 0000 00 00", nil, 0, writeErr},
	} {
		for err, want := range map[error]string{
			syscall.EIO: test.broken, errBroken: test.broken, fmt.Errorf("unlike any other"): test.broken,
			syscall.ENOSPC: noSpace, fmt.Errorf("write: %w", syscall.EDQUOT): noSpace, syscall.EROFS: protected,
			syscall.ENODEV: away, fmt.Errorf("read: %w", syscall.ETIMEDOUT): away, fmt.Errorf("shard 7: %w", backend.ErrUnavailable): away,
			syscall.EREMOTEIO: failed, syscall.ENOMEM: busy,
		} {
			t.Run(fmt.Sprint(test.name, " ", test.op, " ", err), func(t *testing.T) {
				var reported []string
				h := newHost(t, backend.Intercept(volatile(), backend.FailNth(test.op, 1, err)), func(c *sbc.Config) {
					c.Report = func(c *scsi.Command, err error) { reported = append(reported, c.Name()+": "+err.Error()) }
				})
				if f := before[test.name]; f != nil {
					f(h)
				}
				send := func() *scsitest.Answer {
					if test.in > 0 {
						return h.Fetch(test.cdb, test.in)
					}
					return h.Send(test.cdb, test.out)
				}
				if a := send(); want == busy {
					require.Equal(t, scsi.Busy, a.Status)
				} else {
					a.Sense(want)
				}
				require.Equal(t, []string{test.name + ": " + err.Error()}, reported)
				send().Data() // the next one is not the worse for it
				require.Len(t, reported, 1)
			})
		}
	}
}

// TestErrorsInTheMiddle of a command that asks the store more than once.
func TestErrorsInTheMiddle(t *testing.T) {
	block := pattern(512, 3)
	second := func(op backend.Op) *scsitest.Host {
		return newHost(t, backend.Intercept(newRecorder(1<<20), backend.FailNth(op, 2, syscall.ENOSPC)))
	}
	second(backend.OpWrite).Send("41 00 00000000 00 0400 00", block).Sense("07 27 07")
	second(backend.OpRead).Send("2f 00 00000000 00 0400 00").Sense("07 27 07")
	second(backend.OpDiscard).Send("42 00 00000000 00 0028 00",
		scsitest.Hex("0026 0020 00000000 0000000000000000 00000001 00000000 0000000000000008 00000001 00000000")).Sense("07 27 07")

	m := volatile()
	h := newHost(t, backend.Intercept(m, backend.FailNth(backend.OpFlush, 1, errBroken)), writeThrough)
	h.Send("41 00 00000000 00 0001 00", block).Sense("03 0c 00") // written, but not durable
}

func TestReadOnlyStore(t *testing.T) {
	m := newRecorder(1 << 20)
	m.traits.ReadOnly = true
	h := newHost(t, m)
	block := make([]byte, 512)
	for _, cdb := range []string{
		"0a 000000 01 00", "2a 00 00000000 00 0001 00", "aa 00 00000000 00000001 00 00", "8a 00 0000000000000000 00000001 00 00",
		"41 00 00000000 00 0001 00", "93 00 0000000000000000 00000001 00 00",
	} {
		h.Send(cdb, block).Sense("07 27 00")
		h.Send(cdb).Sense("07 27 00") // before the Data-Out is looked at
	}
	h.Send("42 00 00000000 00 0018 00", oneBlock).Sense("05 20 00") // not thin
	h.Send("93 08 0000000000000000 00000001 00 00", block).Sense("05 24 00 cb 00 01")
	require.Empty(t, m.took())

	h.Fetch("28 00 00000000 00 0001 00", 512).Good("00*512")
	h.Send("2f 00 00000000 00 0001 00").Good()
	h.Send("35 00 00000000 00 0000 00").Good()
	h.Fetch("1a 08 08 00 04 00", 4).Good("17 00 90 00") // WP, DPOFUA
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 00 00 00 00")
	h.Fetch("9e 10 0000000000000000 00000010 00 00", 16).Good("00000000000007ff 00000200 00 00 0000")
}
