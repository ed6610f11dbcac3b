//go:build guest

package guest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// selections are what MODE SELECT (10) is sent: what the disk's own MODE SENSE (10) said of a page, changed in one place.
var selections = []struct {
	name   string
	bits   int // of byte 1: PF, SP
	change func(list []byte) []byte
	ends   string // how both end
	ours   string // how we do, where that is something else
	why    string
}{
	{"as it was", 0x10, func(p []byte) []byte { return p }, "GOOD", "", ""},
	{"nothing", 0x10, func([]byte) []byte { return nil }, "05/26/00", "GOOD",
		"SPC-4 6.11: a parameter list length of 0 is no error"},
	{"PF=0", 0x00, func(p []byte) []byte { return p }, "05/24/00", "", ""},
	{"a header that is cut", 0x10, func(p []byte) []byte { return p[:6] }, "05/26/00", "05/1a/00",
		"SPC-4 6.11: a list that is truncated has a length that is wrong"},
	{"a page that is cut", 0x10, func(p []byte) []byte { return p[:len(p)-1] }, "05/1a/00", "", ""},
	{"a page of another length", 0x10, func(p []byte) []byte { p[9]++; return append(p, 0) }, "05/26/00", "", ""},
	{"a page that there is not", 0x10, func(p []byte) []byte { p[8] = 0x2a; return p }, "05/26/00", "", ""},
	{"a subpage that there is not", 0x10,
		func(p []byte) []byte { return append(p[:8], 0x6a, 0x42, 0, 4, 0, 0, 0, 0) }, "05/26/00", "", ""},
	{"a value that cannot change", 0x10, func(p []byte) []byte { p[len(p)-1] ^= 0xff; return p }, "GOOD", "05/26/00",
		"SPC-4 6.11: a field that is not changeable keeps its value, and the command ends in CHECK CONDITION"},
}

// modeSelect: what is wrong with a parameter list is the same to scsi_debug and to us.
func (w twins) modeSelect(t *testing.T) {
	for _, page := range []byte{0x08, 0x0a, 0x1c} {
		for _, s := range selections {
			t.Run(fmt.Sprintf("page %02x, %s", page, s.name), func(t *testing.T) {
				want := s.ends
				for _, d := range []disk{w.theirs, w.ours} {
					list := s.change(modePage(t, d, page))
					cdb := fmt.Sprintf("55 %02x 0000000000 %04x 00", s.bits, len(list))
					require.Equal(t, want, raw(t, cdb, list).send(t, d).end, s.why)
					if s.ours != "" {
						want = s.ours
					}
					settle(t, d)
				}
			})
		}
	}
}

// modePage is the parameter data of MODE SENSE (10) for a page, as MODE SELECT takes it.
func modePage(t *testing.T, d disk, page byte) []byte {
	t.Helper()
	e := raw(t, fmt.Sprintf("5a 08 %02x 00 000000 00ff 00", page), nil)
	e.room = 255
	answer := e.send(t, d)
	require.Equal(t, "GOOD", answer.end)
	list, err := hex.DecodeString(answer.data)
	require.NoError(t, err)
	require.EqualValues(t, len(list)-2, binary.BigEndian.Uint16(list))
	clear(list[:4])  // MODE DATA LENGTH and DEVICE-SPECIFIC PARAMETER are reserved
	list[8] &^= 0x80 // and so is PS
	return list
}

// settle takes the unit attention that scsi_debug has also for who has changed a page.
func settle(t *testing.T, d disk) {
	t.Helper()
	eventually(t, "no unit attention is left", func() bool { return raw(t, "00 00000000 00", nil).send(t, d).end == "GOOD" })
}

// raw is an exchange of a CDB in hexadecimal digits.
func raw(t *testing.T, cdb string, out []byte) exchange {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(cdb, " ", ""))
	require.NoError(t, err)
	return exchange{op: scsi.Op{Name: cdb}, cdb: p, out: out}
}

// foreign are operation codes of scsi_debug's that a disk such as ours has not, and why.
var foreign = map[int]string{
	0x01: "REWIND is a command of tapes",
	0x1e: "PREVENT ALLOW MEDIUM REMOVAL: our medium is fixed",
	0x94: "ZONE OUT, where there are no zones",
	0x95: "ZONE IN, where there are no zones",
}

// kernels are operation codes that the kernel's target answers itself: REPORT LUNS, RESERVE, RELEASE and PERSISTENT RESERVE.
var kernels = map[int]bool{0x16: true, 0x17: true, 0x56: true, 0x57: true, 0x5e: true, 0x5f: true, 0xa0: true}

// unknown sends every operation code that we have no row for.
func (w twins) unknown(t *testing.T) {
	rows := map[int]bool{}
	for _, op := range everyRow(t) {
		rows[int(op.Code)] = true
	}
	for code := range 256 {
		if rows[code] || kernels[code] {
			continue
		}
		e := exchange{cdb: make([]byte, scsi.CDBLength([]byte{byte(code), 0, 0, 0, 0, 0, 0, 24}))}
		e.cdb[0] = byte(code)
		assert.Equal(t, "05/20/00", e.send(t, w.ours).end, "operation code %02x", code)
		if foreign[code] == "" {
			assert.Equal(t, "05/20/00", e.send(t, w.theirs).end, "operation code %02x", code)
		}
	}
}
