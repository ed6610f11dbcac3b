package tcmu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// ErrRemoved is why a Device ends when the kernel has removed the device under it. Nothing is lost: the kernel removes
// no device that still has commands.
var ErrRemoved = errors.New("the kernel has removed the device")

// Port is a ring as the kernel offers it. Open makes one of a UIO device; package tcmutest one without a kernel.
type Port struct {
	Name   string // for people, logs and errors
	Memory []byte // mailbox, ring and data area, mapped shared by unix.Mmap
	FD     int    // readable when the kernel has written entries; 4 bytes written to it are the doorbell
}

func (p Port) close() error { return errors.Join(unix.Munmap(p.Memory), unix.Close(p.FD)) }

// Options says how a Device serves its ring. The zero Options is good for a device just created.
type Options struct {
	// Nexus is who all commands of the ring come from. A ring entry does not say it.
	Nexus *scsi.Nexus
	// Workers is how many goroutines run commands, for handlers that wait for a disk or a network. With 0 the ring's
	// own thread runs each command to its end before it looks at the next, which is fastest where the data is in
	// memory. (It is 0 too on kernels before 4.7, which want completions in order.)
	Workers int
	// AtOnce: the handler knows scsi.Command.AtOnce, as a scsi.Unit does. The ring's thread then runs each command first,
	// and hands to the Workers what ends in scsi.Later: who need not wait is spared the way to a worker and back. Unset,
	// all commands go to the Workers, if there are any.
	AtOnce bool
	// Depth is how many commands there may be with the Workers, 0 for 1024. What is beyond waits in the ring, where nobody
	// can abort it.
	Depth int
	// TMR is told of task management functions, on the ring's own thread: it must not wait. Nil if not wanted. The commands
	// that one names have been aborted by then. They come only if the device's attribute tmr_notification is set.
	TMR func(TMR)
	// WithdrawOnReset says that initiators know a LOGICAL UNIT RESET to have aborted their commands, as those of iSCSI do, so
	// that what has not begun need not be done. Those of loopback and vhost are told GOOD of each: there it has to be.
	WithdrawOnReset bool
	// NoSpin: the ring's thread sleeps at once when there is nothing in the ring. Otherwise it looks again for a while, as
	// long as that pays: an initiator that sends commands one at a time gets several times as many, at the cost of a
	// processor while it does.
	NoSpin bool
	// NoURing: commands that would have to wait go to the Workers, all of them. Otherwise the ring's thread does I/O on files
	// by io_uring, if the handler leaves it that (scsi.Command.Engine) and the kernel lets it, Linux 6.1 or later.
	NoURing bool
	// Log gets what people should know: panics of the handler. Nil for none.
	Log *slog.Logger

	// Left is where the Device before this one left the ring, as its Stop said, or Fresh. If the mailbox agrees, the
	// Device goes on there, and no command is lost or answered twice. Else the ring is reset, with Control. Who keeps a
	// Mark in a file removes the file before it is used: after a crash it must not be believed.
	Left Mark
	// Control can reset the ring. Without it, a ring that is not as Left says can only be begun if it is empty.
	Control *Control
}

// Mark says how a Device left its ring.
type Mark struct {
	// Clean: every command taken has been answered. Not so after a crash, a broken ring, or a Stop in a hurry.
	Clean bool
	// Tail is where in the ring the next Device goes on, if Clean.
	Tail uint32
}

// Stats counts since a Device began.
type Stats struct {
	Commands    uint64 // taken from the ring
	Completions uint64 // put back; the difference is in flight
	Doorbells   uint64 // system calls that told the kernel so
	Wakeups     uint64 // times the ring's thread slept and was woken by the kernel
	TMRs        uint64 // task management functions heard of
	Unknown     uint64 // ring entries of a kind unknown
	Panics      uint64 // of the handler
}

// Device serves one ring.
type Device struct {
	// Immutable after Attach.
	port    Port
	handler scsi.Handler
	opts    Options
	log     *slog.Logger
	ring    *ring
	wake    int           // eventfd that wakes the ring's thread
	quit    chan struct{} // closed when no more entries are to be taken
	done    chan struct{} // closed when all is over

	bell    doorbell
	panics  atomic.Uint64
	wakeups atomic.Uint64

	mu       sync.Mutex
	quitting bool  // guarded by mu: quit is closed
	closed   bool  // guarded by mu: wake is closed
	err      error // guarded by mu: why it ended
	left     Mark  // guarded by mu

	lookout  lookout
	deserted atomic.Int64         // commands that have been abandoned, and that the handler has still
	current  atomic.Pointer[slot] // consumer.slot, for who holds the ring's lock while it runs a command
	consumer consumer             // the ring's thread only
	workers  workers
}

// Attach begins to serve the ring of p, which belongs to the Device from now on, even if there is an error. Most
// programs call Open.
func Attach(p Port, h scsi.Handler, o Options) (*Device, error) {
	d := &Device{port: p, handler: h, opts: o, log: o.Log, wake: -1, quit: make(chan struct{}), done: make(chan struct{})}
	if err := d.begin(); err != nil {
		if d.wake >= 0 {
			err = errors.Join(err, unix.Close(d.wake))
		}
		return nil, errors.Join(fmt.Errorf("%s: %w", p.Name, err), p.close())
	}
	if o.Nexus != nil {
		o.Nexus.Carry(d)
	}
	go d.serve()
	return d, nil
}

func (d *Device) begin() (err error) {
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.ring, err = newRing(d.port.Memory); err != nil {
		return err
	}
	if d.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	d.bell.fd = d.port.FD
	d.consumer.wait.init(d.port.FD, d.wake, !d.opts.NoSpin)
	if d.ring.features&OutOfOrder == 0 {
		d.opts.Workers = 0
	}
	d.workers.init(d.opts.Workers, d.opts.Depth)
	return d.position()
}

// Stop ends serving and gives the ring back: it takes no more entries, waits for the handler, and closes the ring. The
// kernel's device stays, and what initiators send waits in the ring for the next Device to begin at the Mark returned.
// If ctx ends before the handler has, there is an error and the Mark is not clean; the Device still closes by itself
// when the handler returns, and Stop may be called again to wait for that.
func (d *Device) Stop(ctx context.Context) (Mark, error) {
	d.end(nil)
	select {
	case <-d.done:
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.left, nil
	case <-ctx.Done():
	}
	ids, n := d.ring.outstanding(8)
	return Mark{}, fmt.Errorf("%s: %d commands are still with the handler (ring ids %v): wait on, or end the process and reset the ring at the next start: %w",
		d.port.Name, n, ids, ctx.Err())
}

// Done is closed when the Device has ended and closed its ring: after Stop, or by itself, and then Err says why.
func (d *Device) Done() <-chan struct{} { return d.done }

// Err says why the Device ended: nil while it serves and after Stop, ErrRemoved, a RingError, or an error of a system
// call.
func (d *Device) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Stats may be called at any time.
func (d *Device) Stats() Stats {
	d.ring.mu.Lock()
	c := d.ring.counts
	if _, running := d.ring.running(); running {
		c.commands++
	}
	d.ring.mu.Unlock()
	return Stats{
		Commands:    c.commands,
		Completions: c.completions,
		TMRs:        c.tmrs,
		Unknown:     c.unknown,
		Doorbells:   d.bell.written.Load(),
		Wakeups:     d.wakeups.Load(),
		Panics:      d.panics.Load(),
	}
}

// end makes the ring's thread come to its end. The first error given is what Err says.
func (d *Device) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && err != nil && !d.closed {
		d.err = fmt.Errorf("%s: %w", d.port.Name, err)
	}
	if d.quitting {
		return
	}
	d.quitting = true
	close(d.quit)
	if _, err := unix.Write(d.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		d.log.Error("cannot wake the ring's thread, which will notice by itself", "device", d.port.Name, "err", err)
	}
}

// close lets go of the ring, once nobody uses it any more.
func (d *Device) close() {
	if d.Err() == nil {
		if err := d.announce(); err != nil {
			d.end(ErrRemoved)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, n := d.ring.outstanding(0); n == 0 && d.err == nil {
		d.left = Mark{Clean: true, Tail: d.ring.consumed}
	}
	if err := errors.Join(d.port.close(), unix.Close(d.wake)); err != nil {
		d.log.Error("cannot let go of the ring", "device", d.port.Name, "err", err)
	}
	d.closed = true
	close(d.done)
}

// answer calls the handler. This is the one place where a panic is caught: the command fails, the device goes on.
func (d *Device) answer(s *slot, h scsi.Handler) (res scsi.Result, length uint32) {
	defer func() {
		if v := recover(); v != nil {
			d.report(s, v)
			res, length = scsi.InternalTargetFailure, 0
		}
	}()
	if s.bidi { // no command that is known has data in both directions
		return scsi.InvalidCommandOperationCode, 0
	}
	s.cmd.Nexus = d.opts.Nexus
	if !s.resumed {
		s.cmd.Begin()
	}
	if res = h.Do(&s.cmd); s.cmd.AtOnce && !res.Ended() {
		return res, 0
	}
	if d.ring.features&ReadLength == 0 {
		res = res.Undelivered()
	}
	return res, s.conceal(res, d.ring.features)
}

// report logs a panic of the handler. As an initiator may be able to bring it about at will, only the 1st, 2nd, 4th,
// 8th ... get into the log.
func (d *Device) report(s *slot, v any) {
	if n := d.panics.Add(1); n&(n-1) == 0 {
		d.log.Error("the handler panicked; the command ends in HARDWARE ERROR", "device", d.port.Name,
			"command", s.cmd.Name(), "cdb", fmt.Sprintf("% x", s.cmd.CDB), "panic", v, "times", n, "stack", string(debug.Stack()))
	}
}
