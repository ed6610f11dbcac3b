package sgio

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// seen is what a played sg driver was given.
type seen struct {
	header header
	cdb    []byte
	data   []byte // of all segments, as they were before
}

// play makes a device whose sg driver is answer, which may change the header and fill the buffers it points to.
func play(k kind, answer func(h *header, data scsi.Buffer) error) (*Device, *seen) {
	s := new(seen)
	d := &Device{node: "/dev/sg7", kind: k, fd: -1, claim: -1, longest: 1 << 20}
	d.submit = func(h *header) error {
		s.header = *h
		s.cdb = bytes.Clone(unsafe.Slice(h.command, h.commandLen))
		data := buffer(h)
		s.data = make([]byte, data.Len())
		data.Read(s.data, 0)
		return answer(h, data)
	}
	return d, s
}

// buffer follows the pointers of a header as the kernel does.
func buffer(h *header) scsi.Buffer {
	if h.transferLen == 0 {
		return nil
	}
	if h.segments == 0 {
		return scsi.Buffer{unsafe.Slice((*byte)(h.data), h.transferLen)}
	}
	var b scsi.Buffer
	for _, v := range unsafe.Slice((*unix.Iovec)(h.data), h.segments) {
		b = append(b, unsafe.Slice(v.Base, v.Len))
	}
	return b
}

func do(d *Device, c *scsi.Command) scsi.Result {
	c.Begin()
	return d.Do(c)
}

func good(*header, scsi.Buffer) error { return nil }

// Golden bytes of struct sg_io_hdr but for its pointers, LP64, little-endian.
func TestHeaderBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the golden bytes are those of a little-endian machine")
	}
	d, s := play(directAccess, good)
	c := &scsi.Command{CDB: []byte{0x28, 0, 0, 0, 0, 1, 0, 0, 3, 0}, Data: scsi.Buffer{make([]byte, 512), {}, make([]byte, 1024)}}
	require.True(t, do(d, c).OK())
	s.header.data, s.header.command, s.header.sense = nil, nil, nil
	require.Equal(t, []byte{
		'S', 0, 0, 0, // interface_id
		0xfd, 0xff, 0xff, 0xff, // dxfer_direction: SG_DXFER_FROM_DEV
		10, 96, 2, 0, // cmd_len, mx_sb_len, iovec_count
		0x00, 0x06, 0, 0, // dxfer_len
		0, 0, 0, 0, 0, 0, 0, 0, // dxferp
		0, 0, 0, 0, 0, 0, 0, 0, // cmdp
		0, 0, 0, 0, 0, 0, 0, 0, // sbp
		0x60, 0xea, 0, 0, // timeout: 60 s
		0x10, 0, 0, 0, // flags: SG_FLAG_Q_AT_TAIL
		0, 0, 0, 0, 0, 0, 0, 0, // pack_id, padding
		0, 0, 0, 0, 0, 0, 0, 0, // usr_ptr
		0, 0, 0, 0, // status, masked_status, msg_status, sb_len_wr
		0, 0, 0, 0, // host_status, driver_status
		0, 0, 0, 0, // resid
		0, 0, 0, 0, // duration
		0, 0, 0, 0, 0, 0, 0, 0, // info, padding
	}, bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&s.header)), unsafe.Sizeof(s.header))))
}

// The residual says how much of what the kernel has filled the buffer with is the device's.
func TestDataIn(t *testing.T) {
	for name, test := range map[string]struct {
		resid  int32
		status byte
		key    byte
		moved  int64
		first  string
	}{
		"all":                             {0, 0x00, 0, 12, "ans"},
		"some":                            {4, 0x00, 0, 8, "ans"},
		"nothing":                         {12, 0x00, 0, 0, "ans"},
		"more than there is":              {-3, 0x00, 0, 12, "ans"},
		"less than nothing, a lie":        {13, 0x00, 0, 0, "ans"},
		"some, then a filemark":           {4, 0x02, 0x80, 8, "ans"},
		"some, then a medium error":       {4, 0x02, 0x03, 8, "ans"},
		"all, with a recovered error":     {0, 0x02, 0x01, 12, "ans"},
		"refused, and nobody counted it":  {0, 0x02, 0x05, 0, "ans"},
		"attention, the same":             {0, 0x02, 0x06, 0, "ans"},
		"medium error in the first block": {12, 0x02, 0x03, 1, "\x00ns"},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := play(directAccess, func(h *header, data scsi.Buffer) error {
				data.Write([]byte("answer"), 0)
				h.resid, h.status = test.resid, test.status
				h.senseLen = uint8(copy(senseOf(h), []byte{0x70, 0, test.key}))
				return nil
			})
			c := &scsi.Command{CDB: make([]byte, 6), Data: scsi.Buffer{make([]byte, 3), {}, make([]byte, 9)}}
			require.Equal(t, scsi.Status(test.status), do(d, c).Status)
			n, in := c.Moved()
			require.True(t, in)
			require.Equal(t, test.moved, n)
			require.EqualValues(t, transferFromDevice, s.header.direction)
			require.Equal(t, scsi.Buffer{[]byte(test.first), {}, []byte("wer\x00\x00\x00\x00\x00\x00")}, c.Data)
		})
	}
}

func TestDataOut(t *testing.T) {
	d, s := play(directAccess, good)
	c := &scsi.Command{CDB: []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Data: scsi.Buffer{[]byte("written")}}
	require.True(t, do(d, c).OK())
	require.Equal(t, "written", string(s.data))
	require.EqualValues(t, transferToDevice, s.header.direction)
	require.Zero(t, s.header.segments, "one segment needs no iovec")
	_, in := c.Moved()
	require.False(t, in)
}

func TestNoData(t *testing.T) {
	d, s := play(directAccess, good)
	require.True(t, do(d, &scsi.Command{CDB: []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0}}).OK())
	require.EqualValues(t, transferNone, s.header.direction)
	require.Equal(t, []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0}, s.cdb)
}

func TestWhatTheHeaderCannotCarryIsRefused(t *testing.T) {
	for name, c := range map[string]*scsi.Command{
		"no CDB":            {},
		"CDB of 256 bytes":  {CDB: append([]byte{0x7f, 7: 248}, make([]byte, 248)...)},
		"too many segments": {CDB: make([]byte, 6), Data: make(scsi.Buffer, 1025)},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := play(directAccess, func(*header, scsi.Buffer) error { t.Error("it was sent"); return nil })
			require.Equal(t, scsi.InvalidFieldInCDB, do(d, c))
		})
	}
}

func TestDoDoesNotAllocate(t *testing.T) {
	d, _ := play(directAccess, good)
	d.submit = func(*header) error { return nil }
	c := &scsi.Command{CDB: make([]byte, 10), Data: scsi.Buffer{make([]byte, 512), make([]byte, 512)}}
	require.Zero(t, testing.AllocsPerRun(100, func() { do(d, c) }))
}

// The system call itself, on a file that knows nothing of it.
func TestSubmitOnWhatIsNoDevice(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.Equal(t, unix.ENOTTY, submit(fd, &header{interfaceID: 'S'}))
}

// senseOf is where the sense of a command goes.
func senseOf(h *header) []byte { return unsafe.Slice(h.sense, h.senseRoom) }

func TestOpenNode(t *testing.T) {
	_, err := OpenNode("/dev/sg-nothing")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = OpenNode("/dev/null")
	require.ErrorContains(t, err, "BLKSECTGET")
}
