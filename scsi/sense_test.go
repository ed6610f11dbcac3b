package scsi

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Golden bytes of sense data, from SPC-4 clauses 4.5.3 (fixed format) and 4.5.2 (descriptor format).
func TestSenseBytes(t *testing.T) {
	lba := Bytes("LOGICAL BLOCK ADDRESS", 2, 4)
	fua := Bits("FUA", 1, 3, 1)
	for name, test := range map[string]struct {
		result     Result
		fixed      []byte
		descriptor []byte
	}{
		"no sense": {
			Result{},
			[]byte{0x70, 0, 0x00, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x00, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x00, 0x00, 0x00, 0, 0, 0, 0},
		},
		"invalid operation code": {
			InvalidCommandOperationCode,
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x20, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x05, 0x20, 0x00, 0, 0, 0, 0},
		},
		"field pointer to a field of four bytes": {
			LBAOutOfRange.At(lba),
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x21, 0x00, 0, 0xcf, 0x00, 0x02},
			[]byte{0x72, 0x05, 0x21, 0x00, 0, 0, 0, 8,
				0x02, 0x06, 0, 0, 0xcf, 0x00, 0x02, 0},
		},
		"field pointer to one bit": {
			InvalidFieldInCDB.At(fua),
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x24, 0x00, 0, 0xcb, 0x00, 0x01},
			[]byte{0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8,
				0x02, 0x06, 0, 0, 0xcb, 0x00, 0x01, 0},
		},
		"field pointer to a byte of the parameter list": {
			InvalidFieldInParameterList.AtParam(0x0114),
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x26, 0x00, 0, 0x80, 0x01, 0x14},
			[]byte{0x72, 0x05, 0x26, 0x00, 0, 0, 0, 8,
				0x02, 0x06, 0, 0, 0x80, 0x01, 0x14, 0},
		},
		"field pointer to a bit of the parameter list": {
			InvalidFieldInParameterList.AtParamBit(4, 5),
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x26, 0x00, 0, 0x8d, 0x00, 0x04},
			[]byte{0x72, 0x05, 0x26, 0x00, 0, 0, 0, 8,
				0x02, 0x06, 0, 0, 0x8d, 0x00, 0x04, 0},
		},
		"information of 32 bits": {
			UnrecoveredReadError.WithInfo(0xfedcba98),
			[]byte{0xf0, 0, 0x03, 0xfe, 0xdc, 0xba, 0x98, 0x0a, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x03, 0x11, 0x00, 0, 0, 0, 12,
				0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0xfe, 0xdc, 0xba, 0x98},
		},
		"information of 0 is valid": {
			MiscompareDuringVerify.WithInfo(0),
			[]byte{0xf0, 0, 0x0e, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x1d, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x0e, 0x1d, 0x00, 0, 0, 0, 12,
				0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		},
		"information of 33 bits is not valid in fixed format": {
			UnrecoveredReadError.WithInfo(0x123456789),
			[]byte{0x70, 0, 0x03, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x03, 0x11, 0x00, 0, 0, 0, 12,
				0x00, 0x0a, 0x80, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89},
		},
		"information and field pointer": {
			LBAOutOfRange.At(lba).WithInfo(7),
			[]byte{0xf0, 0, 0x05, 0, 0, 0, 7, 0x0a, 0, 0, 0, 0, 0x21, 0x00, 0, 0xcf, 0x00, 0x02},
			[]byte{0x72, 0x05, 0x21, 0x00, 0, 0, 0, 20,
				0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 7,
				0x02, 0x06, 0, 0, 0xcf, 0x00, 0x02, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.fixed, sense(t, test.result))
			require.Equal(t, test.descriptor, sense(t, test.result.InDescriptorFormat()))
		})
	}
}

// sense is the sense data of r, written over memory that is not zero.
func sense(t *testing.T, r Result) []byte {
	p := bytes.Repeat([]byte{0xee}, SenseSize)
	n := r.Sense(p)
	require.LessOrEqual(t, n, SenseSize)
	return p[:n]
}

func TestResultStrings(t *testing.T) {
	for want, r := range map[string]Result{
		"GOOD":                 {},
		"RESERVATION CONFLICT": Conflict,
		"status 7fh":           {Status: 0x7f},
		"ILLEGAL REQUEST, INVALID FIELD IN CDB (CDB byte 1 bit 3)":                 InvalidFieldInCDB.AtBit(1, 3),
		"ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (parameter list byte 9)": InvalidFieldInParameterList.AtParam(9),
		"MEDIUM ERROR, WRITE ERROR [information 0x10]":                             WriteError.WithInfo(16),
		"sense key Ch, additional sense code 5dh/73h":                              Check(0xc, 0x5d73),
	} {
		require.Equal(t, want, r.String())
	}
}

func TestResultOK(t *testing.T) {
	require.True(t, Result{}.OK())
	require.False(t, Conflict.OK())
	require.False(t, WriteProtected.OK())
}

// Status codes of SAM-5 clause 5.3 and sense keys of SPC-4 clause 4.5.6.
func TestStatusAndKeyNames(t *testing.T) {
	for code, want := range map[Status]string{
		0x00: "GOOD", 0x02: "CHECK CONDITION", 0x04: "CONDITION MET", 0x08: "BUSY", 0x18: "RESERVATION CONFLICT",
		0x28: "TASK SET FULL", 0x30: "ACA ACTIVE", 0x40: "TASK ABORTED", 0x10: "status 10h",
	} {
		require.Equal(t, want, code.String())
	}
	for key, want := range []string{
		"NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR", "ILLEGAL REQUEST",
		"UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND",
		"sense key Ch", "VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
	} {
		require.Equal(t, want, Key(key).String())
	}
}

// Progress and command-specific information in both formats, by hand (SPC-4 4.5.2 and 4.5.3).
func TestProgressAndSpecific(t *testing.T) {
	var p [SenseSize]byte
	r := Check(NotReady, 0x0404).WithProgress(0x8001)
	require.Equal(t, "700002000000000a00000000040400808001", fmt.Sprintf("%x", p[:r.Sense(p[:])]))
	require.Equal(t, "7202040400000008"+"0206000080800100", fmt.Sprintf("%x", p[:r.InDescriptorFormat().Sense(p[:])]))
	require.Equal(t, "NOT READY, LOGICAL UNIT NOT READY, FORMAT IN PROGRESS (32769 of 65536)", r.String())
	r = Check(CopyAborted, 0x0000).WithSpecific(0x00000003)
	require.Equal(t, "70000a000000000a00000003000000000000", fmt.Sprintf("%x", p[:r.Sense(p[:])]))
	require.Equal(t, "720a00000000000c"+"010a0000"+"0000000000000003", fmt.Sprintf("%x", p[:r.InDescriptorFormat().Sense(p[:])]))
}
