package sgio

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// header is struct sg_io_hdr of <scsi/sg.h>, version 3 of the sg driver, on LP64. All but the last eight fields are
// written by us, those by the kernel.
type header struct {
	interfaceID   int32 // 'S'
	direction     int32
	commandLen    uint8
	senseRoom     uint8
	segments      uint16         // 0: data is the buffer; else this many iovecs are there
	transferLen   uint32         // bytes
	data          unsafe.Pointer // buffer, or iovecs
	command       *byte
	sense         *byte
	timeout       uint32 // milliseconds
	flags         uint32
	packID        int32
	userPointer   unsafe.Pointer
	status        uint8 // as the device gave it
	maskedStatus  uint8
	messageStatus uint8
	senseLen      uint8 // bytes of sense
	hostStatus    uint16
	driverStatus  uint16
	resid         int32  // bytes of transferLen that were not moved
	duration      uint32 // milliseconds
	info          uint32
}

// Values of direction.
const (
	transferNone       = -1
	transferToDevice   = -2
	transferFromDevice = -3
)

const (
	sgIO        = 0x2285
	queueAtTail = 0x10 // flag: behind the commands that are queued already, where the default is before them
)

// point makes the segments the data, one of them without any iovec.
func (h *header) point(segments []unix.Iovec) {
	if len(segments) == 1 {
		h.segments, h.data = 0, unsafe.Pointer(segments[0].Base)
		return
	}
	h.segments, h.data = uint16(len(segments)), unsafe.Pointer(&segments[0])
}

// submit sends the command of h and waits for its end. A signal would end the wait but not the command, and the system
// call would then be begun anew: the device would get the command twice. So none gets through meanwhile, not even those
// by which the runtime preempts goroutines.
func submit(fd int, h *header) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), sgIO, uintptr(unsafe.Pointer(h)))
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}
