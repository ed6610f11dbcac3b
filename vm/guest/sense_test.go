//go:build guest

package guest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answer is what a command that was sent as it stands comes back with.
type answer struct {
	text string // status and sense, as sg_raw words them
	data []byte // that came in
}

// send sends a CDB, in hexadecimal digits, with room for data to come in.
func send(t *testing.T, d disk, cdb string, room int) answer {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in")
	args := []string{"--request=" + strconv.Itoa(room), "--outfile=" + in, d.generic}
	if room == 0 {
		args = args[2:]
	}
	o := run(t, "sg_raw", append(args, strings.Fields(cdb)...)...)
	data, err := os.ReadFile(in)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return answer{o.stdout + o.stderr, data}
}

// The sense names what is wrong with a command, and where.
func TestSenseNamesTheFieldAtFault(t *testing.T) {
	const (
		noCommand = "Invalid command operation code"
		noField   = "Invalid field in cdb"
	)
	startDaemon(t)
	d := newRamdisk(t, "1M")
	for _, c := range []struct {
		name, cdb string
		sense     string
		pointer   string // SENSE KEY SPECIFIC
	}{
		{"vendor specific operation code", "c1 00 00 00 00 00", noCommand, ""},
		{"operation code of another device type", "19 00 00 00 00 00", noCommand, ""}, // ERASE (6), of tapes
		{"service action that there is not", "9e 1f 00 00 00 00 00 00 00 00 00 00 00 08 00 00", noField, "byte 1 bit 4"},
		{"reserved bit of READ (10)", "28 02 00 00 00 00 00 00 01 00", noField, "byte 1 bit 1"},
		{"reserved byte of INQUIRY with EVPD 0", "12 00 01 00 60 00", noField, "byte 2 bit 7"},
		{"VPD page that there is not", "12 01 de 00 60 00", noField, "byte 2 bit 7"},
		{"RDPROTECT on a unit without protection", "28 20 00 00 00 00 00 00 01 00", noField, "byte 1 bit 5"},
		{"LBA behind the end", "28 00 00 00 08 00 00 00 01 00", "Logical block address out of range", "byte 2 bit 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := send(t, d, c.cdb, 4096)
			assert.Contains(t, a.text, "Sense key: Illegal Request")
			assert.Contains(t, a.text, c.sense)
			if c.pointer != "" {
				assert.Contains(t, a.text, "Error in Command: "+c.pointer)
			}
			assert.Empty(t, a.data)
		})
	}
}

// An initiator that makes room for more than there is learns how much came.
func TestShortAnswerSaysHowShortItIs(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "1M")
	for _, c := range []struct {
		name, cdb string
		length    int
	}{
		{"REQUEST SENSE", "03 00 00 00 ff 00", 18},
		{"INQUIRY, cut by ALLOCATION LENGTH", "12 00 00 00 05 00", 5},
		{"READ CAPACITY (10)", "25 00 00 00 00 00 00 00 00 00", 8},
		{"READ (10) of one block", "28 00 00 00 00 00 00 00 01 00", 512},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := send(t, d, c.cdb, 8192)
			require.Contains(t, a.text, "SCSI Status: Good")
			require.Len(t, a.data, c.length)
		})
	}
}

// The data area still holds what others wrote when a short answer goes out.
func TestShortAnswerLeaksNothing(t *testing.T) {
	const secret = "nobody may read this: "
	startDaemon(t)
	d := newRamdisk(t, "2M")
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, strings.Repeat(secret, mib/len(secret)+1)[:mib])
	for _, c := range []struct{ name, cdb string }{
		{"INQUIRY with ALLOCATION LENGTH 0", "12 00 00 00 00 00"},
		{"INQUIRY", "12 00 00 00 60 00"},
		{"READ (10) of nothing", "28 00 00 00 00 00 00 00 00 00"},
		{"READ (10) of one block", "28 00 00 00 0f ff 00 00 01 00"},
		{"TEST UNIT READY", "00 00 00 00 00 00"},
		{"unknown command", "c1 00 00 00 00 00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, "dd", "if="+file, "of="+d.node, "bs=1M", "oflag=direct")
			a := send(t, d, c.cdb, 65536)
			require.NotContains(t, string(a.data), secret[:8])
		})
	}
	require.Contains(t, string(send(t, d, "28 00 00 00 00 00 00 00 01 00", 512).data), secret)
}

// sendOut sends a CDB with the first n bytes of a file, and returns the status
// and sense.
func sendOut(t *testing.T, d disk, cdb, file string, n int) string {
	t.Helper()
	args := []string{"--send=" + strconv.Itoa(n), "--infile=" + file, d.generic}
	o := run(t, "sg_raw", append(args, strings.Fields(cdb)...)...)
	return o.stdout + o.stderr
}
