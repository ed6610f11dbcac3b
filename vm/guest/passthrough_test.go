//go:build guest

package guest

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// newSCSIDebug loads scsi_debug, which is a SCSI disk of its own making and the judge of what a disk answers, and gives
// it the medium errors it is known for, from 1234h on.
func newSCSIDebug(t *testing.T) disk {
	t.Helper()
	must(t, "modprobe", "sg")
	must(t, "modprobe", "scsi_debug", "dev_size_mb=16", "lbpu=1", "strict=1", "delay=0", "opts=2")
	t.Cleanup(func() { must(t, "rmmod", "scsi_debug") })
	must(t, "udevadm", "settle")
	node := func(class string) string {
		found, err := filepath.Glob("/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/" + class + "/*")
		require.NoError(t, err)
		require.Len(t, found, 1)
		return "/dev/" + filepath.Base(found[0])
	}
	return disk{node: node("block"), generic: node("scsi_generic")}
}

// inject sets a parameter of scsi_debug.
func inject(t *testing.T, parameter, value string) {
	t.Helper()
	write(t, "/sys/bus/pseudo/drivers/scsi_debug/"+parameter, value)
}

// verdict is all that SG_IO tells of a command.
type verdict struct {
	status byte
	sense  string // in hexadecimal digits
	host   uint16
	resid  int32
	data   string // that came in
}

// submit sends a command as struct sg_io_hdr of <scsi/sg.h> has it: out is Data-Out, or nil where room bytes of Data-In
// are wanted.
func (d disk) submit(t *testing.T, cdb string, out []byte, room int) verdict {
	t.Helper()
	command, err := hex.DecodeString(strings.ReplaceAll(cdb, " ", ""))
	require.NoError(t, err)
	fd, err := unix.Open(d.generic, unix.O_RDWR, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	var sense [96]byte
	data, direction := make([]byte, max(room, 1)), int32(-3) // SG_DXFER_FROM_DEV
	if out != nil {
		data, direction, room = out, -2, len(out)
	}
	if room == 0 {
		direction = -1
	}
	h := struct {
		interfaceID, direction                      int32
		cdbLen, senseRoom                           uint8
		iovecs                                      uint16
		length                                      uint32
		data, cdb, sense                            unsafe.Pointer
		timeout, flags                              uint32
		packID                                      int32
		user                                        unsafe.Pointer
		status, maskedStatus, messageStatus, senseN uint8
		host, driver                                uint16
		resid                                       int32
		duration, info                              uint32
	}{
		interfaceID: 'S', direction: direction, cdbLen: uint8(len(command)), senseRoom: uint8(len(sense)), length: uint32(room),
		data: unsafe.Pointer(&data[0]), cdb: unsafe.Pointer(&command[0]), sense: unsafe.Pointer(&sense[0]), timeout: 60000,
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x2285, uintptr(unsafe.Pointer(&h)))
	runtime.KeepAlive(data)
	require.Zero(t, errno, cdb)
	v := verdict{status: h.status, sense: hex.EncodeToString(sense[:h.senseN]), host: h.host, resid: h.resid}
	if n := room - int(h.resid); out == nil && n >= 0 && n <= room {
		v.data = hex.EncodeToString(data[:n])
	}
	return v
}

// vpdPages are the codes of the vital product data pages that a disk lists, in hexadecimal digits.
func vpdPages(t *testing.T, d disk) []string {
	t.Helper()
	list, err := hex.DecodeString(d.submit(t, "12 01 00 00 ff 00", nil, 255).data)
	require.NoError(t, err)
	require.Greater(t, len(list), 6)
	var pages []string
	for _, code := range list[4:] {
		pages = append(pages, hex.EncodeToString([]byte{code}))
	}
	return pages
}

// questions are commands that tell something of a disk and change nothing, and how much each may bring.
var questions = []struct {
	name, cdb string
	room      int
}{
	{"TEST UNIT READY", "00 00 00 00 00 00", 0},
	{"REQUEST SENSE", "03 00 00 00 60 00", 96},
	{"INQUIRY", "12 00 00 00 ff 00", 255},
	{"INQUIRY, 36 bytes of it", "12 00 00 00 24 00", 255},
	{"INQUIRY, 5 bytes of it", "12 00 00 00 05 00", 5},
	{"INQUIRY, none of it", "12 00 00 00 00 00", 0},
	{"VPD page that there is not", "12 01 de 00 ff 00", 255},
	{"READ CAPACITY (10)", "25 00 00 00 00 00 00 00 00 00", 8},
	{"READ CAPACITY (16)", "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32},
	{"READ CAPACITY (16), 12 bytes of it", "9e 10 00 00 00 00 00 00 00 00 00 00 00 0c 00 00", 32},
	{"MODE SENSE (6), all pages", "1a 00 3f 00 ff 00", 255},
	{"MODE SENSE (6), what can be changed", "1a 00 7f 00 ff 00", 255},
	{"MODE SENSE (10), all pages and subpages", "5a 00 3f ff 00 00 00 10 00 00", 4096},
	{"MODE SENSE (10), defaults without block descriptors", "5a 08 bf 00 00 00 00 10 00 00", 4096},
	{"MODE SENSE (10), Caching", "5a 00 08 00 00 00 00 ff 00 00", 255},
	{"MODE SENSE (10), a page that there is not", "5a 00 2a 00 00 00 00 ff 00 00", 255},
	{"LOG SENSE, list of pages", "4d 00 40 00 00 00 00 02 00 00", 512},
	{"LOG SENSE, list of subpages", "4d 00 40 ff 00 00 00 02 00 00", 512},
	{"LOG SENSE, Temperature", "4d 00 4d 00 00 00 00 02 00 00", 512},
	{"LOG SENSE, a page that there is not", "4d 00 7a 00 00 00 00 02 00 00", 512},
	{"REPORT SUPPORTED OPERATION CODES", "a3 0c 80 00 00 00 00 00 20 00 00 00", 8192},
	{"REPORT SUPPORTED OPERATION CODES of READ (10)", "a3 0c 01 28 00 00 00 00 02 00 00 00", 512},
	{"GET LBA STATUS", "9e 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00", 24},
	{"READ (6)", "08 00 00 10 01 00", 512},
	{"READ (10)", "28 00 00 00 00 40 00 00 08 00", 4096},
	{"READ (10), a block where there is room for 16", "28 00 00 00 00 40 00 00 01 00", 8192},
	{"READ (10) of nothing", "28 00 00 00 00 40 00 00 00 00", 0},
	{"READ (16) of a megabyte", "88 00 00 00 00 00 00 00 20 00 00 00 08 00 00 00", 1 << 20},
	{"READ (10) behind the end", "28 00 00 00 80 00 00 00 01 00", 512},
	{"READ (10) across the end", "28 00 00 00 7f ff 00 00 02 00", 1024},
	{"READ (10) of the medium error", "28 00 00 00 12 34 00 00 01 00", 512},
	{"READ (16) with the medium error in its middle", "88 00 00 00 00 00 00 00 12 30 00 00 00 08 00 00", 4096},
	{"READ (10) with reserved bits", "28 02 00 00 00 00 00 00 01 00", 512},
	{"READ (10) with RDPROTECT", "28 20 00 00 00 00 00 00 01 00", 512},
	{"PRE-FETCH (10), which ends in CONDITION MET", "34 00 00 00 00 00 00 00 08 00", 0},
	{"VERIFY (10)", "2f 00 00 00 00 00 00 00 08 00", 0},
	{"SYNCHRONIZE CACHE (10)", "35 00 00 00 00 00 00 00 00 00", 0},
	{"service action that there is not", "9e 1f 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32},
	{"vendor specific, group 6", "c1 00 00 00 00 00 00 00 00 00", 512},
	{"vendor specific, group 7, no data", "ff 00 00 00 00 00 00 00 00 00", 0},
	{"command of a tape", "05 00 00 00 00 00", 6},
	{"READ (32)", "7f 00 00 00 00 00 00 18 00 09 00 00 00 00 00 00 00 00 00 40 00 00 00 40 00 00 00 00 00 00 00 01", 512},
}

// What a disk says through us is, byte for byte, what it says.
func TestPassedThroughDiskAnswersAsItself(t *testing.T) {
	startDaemon(t)
	direct := newSCSIDebug(t)
	through := attach(t, create(t, "pscsi", "dbg", direct.node))
	must(t, "dd", "if="+randomFile(t, mib), "of="+direct.node, "oflag=direct", "bs=1M")
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			want, got := direct.submit(t, q.cdb, nil, q.room), through.submit(t, q.cdb, nil, q.room)
			if q.room > 0 && want.status != 0 && want.data == "" { // with sense, nobody can be told of no data but of one byte
				require.Equal(t, "00", got.data)
				want.resid, want.data = want.resid-1, "00"
			}
			require.Equal(t, want, got)
		})
	}
	for _, page := range vpdPages(t, direct) {
		t.Run("VPD page "+page, func(t *testing.T) {
			cdb := "12 01 " + page + " 01 00 00"
			require.Equal(t, direct.submit(t, cdb, nil, 256), through.submit(t, cdb, nil, 256))
		})
	}
	t.Run("the medium error is at 1234h", func(t *testing.T) {
		v := through.submit(t, "28 00 00 00 12 30 00 00 08 00", nil, 4096)
		require.EqualValues(t, 0x02, v.status)
		require.Equal(t, "f00003"+"00001234"+"0a"+"00000000"+"1100", v.sense[:28])
	})
	t.Run("with data, a recovered error", func(t *testing.T) {
		inject(t, "every_nth", "1")
		inject(t, "opts", "8")
		defer inject(t, "every_nth", "0")
		cdb := "28 00 00 00 00 40 00 00 08 00"
		v := through.submit(t, cdb, nil, 4096)
		require.Equal(t, direct.submit(t, cdb, nil, 4096), v)
		require.EqualValues(t, 0x02, v.status)
		require.Equal(t, "01", v.sense[4:6], "RECOVERED ERROR")
		require.Len(t, v.data, 2*4096)
	})
}

// What is written through us is on the disk, and nothing else; what cannot be written ends as the disk ends it.
func TestPassedThroughDiskIsWritten(t *testing.T) {
	startDaemon(t)
	direct := newSCSIDebug(t)
	through := attach(t, create(t, "pscsi", "dbg", direct.node))
	data := bytes.Repeat([]byte("0123456789abcdef"), 2*4096/16)
	half, block := data[:4096], data[:512]
	other := append(bytes.Clone(block), bytes.Repeat([]byte{'x'}, 512)...)
	for _, c := range []struct {
		name, cdb string
		out       []byte
	}{
		{"WRITE (10)", "2a 00 00 00 00 10 00 00 10 00", data},
		{"WRITE (16)", "8a 00 00 00 00 00 00 00 00 20 00 00 00 08 00 00", half},
		{"WRITE (10) behind the end", "2a 00 00 00 80 00 00 00 08 00", half},
		{"WRITE SAME (16)", "93 00 00 00 00 00 00 00 00 30 00 00 00 08 00 00", block},
		{"UNMAP", "42 00 00 00 00 00 00 00 18 00", append([]byte{1: 0x16, 3: 0x10, 14: 0x40, 19: 8}, 0, 0, 0, 0)},
		{"UNMAP with a list too short", "42 00 00 00 00 00 00 00 04 00", []byte{0, 2, 0, 0}},
		{"COMPARE AND WRITE, equal", "89 00 00 00 00 00 00 00 00 10 00 00 00 01 00 00", append(bytes.Clone(block), block...)},
		{"COMPARE AND WRITE, not equal", "89 00 00 00 00 00 00 00 00 10 00 00 00 01 00 00", append(other[512:], block...)},
		{"VERIFY (10), byte by byte", "2f 02 00 00 00 10 00 00 01 00", block},
		{"VERIFY (10), not equal", "2f 02 00 00 00 10 00 00 01 00", other[512:]},
		{"MODE SELECT (10) of a page that there is not", "55 10 00 00 00 00 00 00 0c 00", []byte{8: 0x2a, 9: 2, 11: 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := direct.submit(t, c.cdb, c.out, 0)
			require.Equal(t, want, through.submit(t, c.cdb, c.out, 0))
		})
	}

	file := randomFile(t, 2*mib)
	sent, err := os.ReadFile(file)
	require.NoError(t, err)
	must(t, "dd", "if="+file, "of="+through.node, "oflag=direct", "bs=1M")
	require.True(t, bytes.Equal(sent, direct.content(t, 2*mib, 0)), "written through, read from the disk")
	must(t, "dd", "if="+file, "of="+direct.node, "oflag=direct", "bs=1M", "seek=8")
	require.True(t, bytes.Equal(sent, through.content(t, 2*mib, 8*mib)), "written to the disk, read through")
	must(t, "fio", "--name=load", "--filename="+through.node, "--direct=1", "--rw=randrw", "--bs=4k", "--size=512k", "--offset=12M",
		"--iodepth=32", "--ioengine=libaio", "--verify=crc32c")
}

// A disk that goes while it is passed through is not there any more, and that is all.
func TestPassedThroughDiskGoes(t *testing.T) {
	startDaemon(t)
	direct := newSCSIDebug(t)
	through := attach(t, create(t, "pscsi", "dbg", direct.node))
	write(t, filepath.Join("/sys/block", filepath.Base(direct.node), "device/delete"), "1")
	v := through.submit(t, "00 00 00 00 00 00", nil, 0)
	assert.EqualValues(t, 0x02, v.status)
	assert.Equal(t, "700002"+"00000000"+"0a"+"00000000"+"0500", v.sense[:28], "NOT READY, LOGICAL UNIT DOES NOT RESPOND TO SELECTION")
}

// While a disk is passed through nobody else can use it, and afterwards everybody.
func TestPassedThroughDiskIsTaken(t *testing.T) {
	startDaemon(t)
	direct := newSCSIDebug(t)
	taken := func() bool {
		fd, err := unix.Open(direct.node, unix.O_RDONLY|unix.O_EXCL, 0)
		if err == nil {
			require.NoError(t, unix.Close(fd))
		}
		return err == unix.EBUSY
	}
	refused := func(dev, why string) {
		t.Helper()
		o := run(t, "tcmuctl", "/backstores/pscsi", "create", "other", dev)
		require.Equal(t, 1, o.status)
		require.Contains(t, o.stderr, why)
	}
	const mounted = "/dev/disk/by-id/virtio-scratch"
	refused("/dev/sdzz", `/dev/sdzz does not exist: "lsscsi -g" lists the SCSI devices there are`)
	refused(mounted, mounted+" is no SCSI device: use a backstore of kind block")
	require.False(t, taken())
	t.Run("while it is", func(t *testing.T) {
		through := attach(t, create(t, "pscsi", "dbg", direct.generic))
		require.True(t, taken())
		refused(direct.node, direct.node+" is in use")
		refused(through.node, through.node+" is a LUN of this host's own loopback target: use the backstore that it exports")
	})
	eventually(t, direct.node+" is free again", func() bool { return !taken() })
}
