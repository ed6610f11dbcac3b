// Package sgio hands SCSI commands to a device of this host, through SG_IO on its sg node: every CDB, and every status,
// sense and residual as the device gave it.
//
//	device.go     a device as a scsi.Handler
//	header.go     struct sg_io_hdr, and the system call
//	direction.go  which way the data goes, which a ring entry does not tell
//	answer.go     what an initiator hears when it was not the device that answered
//	resolve.go    which sg node a name stands for
//	capacity.go   how big a disk is
//
// What does not pass through, because a target in the kernel answers it or has no way to tell it: REPORT LUNS always;
// PERSISTENT RESERVE, RESERVE and RELEASE unless its attribute pgr_support is 0, and then all initiators are one to the
// device; the residual of Data-Out. Transfers longer than the host adapter takes end in INVALID FIELD IN CDB, though the
// device's own Block Limits page may promise more. And where a host adapter does not count what a device left out of its
// Data-In, the sg driver fills it with what it read from that device before.
package sgio

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// Device is a SCSI device of this host. It waits for the device: it wants goroutines of its own, 16 at most, which is how
// many commands the kernel takes on one descriptor.
type Device struct {
	// Report is told of commands that the device did not answer. It is set before the first command; nil for nobody.
	Report func(c *scsi.Command, err error)

	node    string // "/dev/sg3"
	kind    kind
	fd      int
	claim   int                   // descriptor that keeps a disk from being mounted; -1: no disk
	longest int64                 // bytes that the kernel itself would transfer with one command, at most
	submit  func(h *header) error // SG_IO
	pool    sync.Pool             // of *request
}

// kind is a PERIPHERAL DEVICE TYPE, as in standard INQUIRY data.
type kind uint8

const (
	directAccess     kind = 0x00
	multimedia       kind = 0x05
	opticalMemory    kind = 0x07
	mediumChanger    kind = 0x08
	simplifiedDirect kind = 0x0e
	hostManagedZoned kind = 0x14
)

// Open opens the device that Resolve finds. A disk is opened exclusively as well, so that it can be neither mounted nor
// served twice meanwhile.
func Open(path string) (*Device, error) {
	p, err := here.find(path)
	if err != nil {
		return nil, err
	}
	d := &Device{node: p.node, kind: p.kind, fd: -1, claim: -1}
	if err := d.open(p.disk); err != nil {
		return nil, errors.Join(fmt.Errorf("pscsi: %w", err), d.Close())
	}
	return d, nil
}

// OpenNode opens a disk by its sg node, "/dev/sg3", as it is: nobody is kept from using it meanwhile, and it may be a LUN of
// this host's own loopback target, which Open refuses. It is for those who want to be its initiator.
func OpenNode(node string) (*Device, error) {
	d := &Device{node: node, kind: directAccess, fd: -1, claim: -1}
	if err := d.open(""); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Device) open(disk string) (err error) {
	if disk != "" {
		// O_NONBLOCK: there need not be a medium in it.
		d.claim, err = unix.Open(disk, unix.O_RDONLY|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == unix.EBUSY {
			return fmt.Errorf("%s is in use: unmount it, or stop what else uses it (\"lsblk %[1]s\" shows it): %w", disk, err)
		}
		if err != nil {
			return &os.PathError{Op: "open", Path: disk, Err: err}
		}
	}
	if d.fd, err = unix.Open(d.node, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return &os.PathError{Op: "open", Path: d.node, Err: err}
	}
	longest, err := unix.IoctlGetInt(d.fd, unix.BLKSECTGET)
	if err != nil {
		return fmt.Errorf("%s: BLKSECTGET: %w", d.node, err)
	}
	d.longest = int64(longest)
	d.submit = func(h *header) error { return submit(d.fd, h) }
	return nil
}

// Close lets go of the device, once no command is with it any more.
func (d *Device) Close() error {
	var errs []error
	for _, fd := range []int{d.fd, d.claim} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// Node is the path of the sg node: "/dev/sg3".
func (d *Device) Node() string { return d.node }

// request is the memory of one command that the kernel is pointed to.
type request struct {
	header   header
	segments []unix.Iovec
	sense    [scsi.MaxSense]byte
}

// Do implements scsi.Handler.
func (d *Device) Do(c *scsi.Command) scsi.Result {
	q, _ := d.pool.Get().(*request)
	if q == nil {
		q = new(request)
	}
	defer d.pool.Put(q)
	dir, size := direction(d.kind, c.CDB), c.Data.Len()
	c.Transferred(dir, 0)
	if len(c.CDB) == 0 || len(c.CDB) > longestCDB || size > math.MaxInt32 || len(c.Data) > maxSegments {
		return scsi.InvalidFieldInCDB
	}
	q.fill(c, dir, size)
	q.header.timeout = uint32(timeout(d.kind, c.CDB).Milliseconds())
	if err := d.submit(&q.header); err != nil {
		return d.refused(c, size, err)
	}
	r := d.answer(c, q)
	if !insteadOfData(r) {
		c.Transferred(dir, moved(c, r, size-int64(q.header.resid)))
	}
	return r
}

// What struct sg_io_hdr can carry.
const (
	longestCDB  = 252  // bytes: SG_MAX_CDB_SIZE of the sg driver, which passes on as many as the host adapter takes
	maxSegments = 1024 // UIO_MAXIOV of Linux
)

// fill points the header to c and to where the sense goes.
func (q *request) fill(c *scsi.Command, dir scsi.Direction, size int64) {
	q.header = header{
		interfaceID: 'S', direction: transferNone, flags: queueAtTail,
		command: &c.CDB[0], commandLen: uint8(len(c.CDB)),
		sense: &q.sense[0], senseRoom: uint8(len(q.sense)),
	}
	if size == 0 {
		return
	}
	h := &q.header
	h.transferLen = uint32(size)
	h.direction = transferFromDevice
	if dir == scsi.DataOut {
		h.direction = transferToDevice
	}
	q.segments = q.segments[:0]
	for _, s := range c.Data {
		if len(s) > 0 {
			q.segments = append(q.segments, unix.Iovec{Base: &s[0], Len: uint64(len(s))})
		}
	}
	h.point(q.segments)
}
