package tcmu

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// longestSpin is what the ring's thread burns at most before it sleeps. In the VM the commands of an initiator that sends
	// one at a time come 4 times as fast then, for sleep makes their way through the kernel and back longer too: 500 µs
	// instead of 40. It pays as long as a wake-up would be a part of the wait worth saving, one in so many.
	longestSpin = 500 * time.Microsecond
	worthSaving = 16
	// looks is how often it looks at the ring before it looks at the clock, which costs more by far.
	looks = 64

	// Spin is tried several times in a row before it counts as in vain: one late command means nothing, and after a sleep the
	// next is late because of it. Then it is passed over for 1 wait, next time for 3, for 7, at most for 1<<longestPass - 1.
	tryouts     = 4
	longestPass = 6

	// longestHold is how long the ring's thread sleeps without a word to the Go runtime, see hold.
	longestHold = 2 * time.Millisecond

	// The thread looks into the ring now and then even if nothing wakes it. Between the kernel's store of the head
	// and its event there is no full barrier, so on weakly ordered machines one can, on paper, take the event and
	// still see the old head. That can only be right after an event, so the sleep after one is short; each further one
	// is twice as long, and the one after longestNap ends with an event only: a thousand idle devices cost nothing. Nor
	// do they keep a thread each, but for the first naps: see doze.
	shortestNap = 25 * time.Millisecond
	firstDoze   = 32 * shortestNap
	longestNap  = 10 * time.Second
)

// wait is how the ring's thread waits for the kernel.
type wait struct {
	poll   [3]unix.PollFd // the ring, what wakes the thread, and the background
	nap    time.Duration  // of the next sleep, at most
	hold   bool           // the next wait is likely to be a short one
	busy   bool           // it is among busy
	pays   time.Duration  // how long a wait may be for spin to pay
	misses int            // how often in a row it was in vain
	passed int            // how many waits have done without it since
}

// busy is how many rings have had a command within the last shortestNap.
var busy atomic.Int32

// holders is how many rings' threads wait and hold a processor of the Go runtime meanwhile. One is always left for others.
var holders atomic.Int32

func (w *wait) init(fd, wake int, spin bool) {
	w.poll = [3]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLIN}}
	w.nap = firstDoze // of many devices that begin at once, few have anything to do
	if spin && runtime.GOMAXPROCS(0) > 1 {
		w.pays = min(worthSaving*wakeUp(), longestSpin)
	}
}

// learn takes note of how long a wait was.
func (w *wait) learn(waited time.Duration) {
	w.hold = waited <= longestHold
	w.count(waited <= shortestNap)
}

// count counts the ring among busy, or not.
func (w *wait) count(among bool) {
	switch {
	case among == w.busy:
	case among:
		busy.Add(1)
	default:
		busy.Add(-1)
	}
	w.busy = among
}

// tries says whether a wait begins with spin. Not where all processors have rings to look after: what one of them burns the
// others, and the initiators, lack. In the VM, with two processors, two disks did 2,900 reads in a second with it, 4 at a
// time, and 4,400 without; 32 at a time 4,300 and 8,000 (medians of three).
func (w *wait) tries() bool {
	if int(busy.Load()) >= runtime.GOMAXPROCS(0) {
		return false
	}
	passes := 1<<(w.misses/tryouts) - 1
	if w.pays > 0 && (w.misses%tryouts != 0 || w.passed >= passes) {
		w.passed = 0
		return true
	}
	w.passed++
	return false
}

// tried takes note of whether it has paid.
func (w *wait) tried(paid bool) {
	switch {
	case paid:
		w.misses = 0
	case w.misses == longestPass*tryouts:
		w.misses -= tryouts - 1
	default:
		w.misses++
	}
}

// await returns when there is something in the ring, something in the background has ended, or the device is to stop.
func (d *Device) await() error {
	w := &d.consumer.wait
	begin := time.Now()
	w.poll[2].Fd = d.consumer.background.fd()
	if w.hold {
		d.hold(begin)
	}
	for d.quiet() && !d.stopped() {
		if err := d.sleep(); err != nil {
			return err
		}
	}
	w.learn(time.Since(begin))
	return nil
}

// quiet says that there is nothing to do.
func (d *Device) quiet() bool { return d.ring.idle() && !d.consumer.background.ready() }

// staysQuiet is quiet, many times over.
func (d *Device) staysQuiet() bool {
	for range looks {
		if !d.quiet() {
			return false
		}
	}
	return true
}

// hold waits for a short time: it spins, if that has paid lately, and then sleeps behind the Go runtime's back. To
// the runtime this goroutine runs on, and keeps its processor. If it slept as others do, the runtime's monitor would take
// the processor from it, since it has not been rescheduled for long, and to see to that look at it every 20 µs: two
// thirds of a processor that is emulated, and some per cent of a real one. A signal by which the runtime wants it to stop,
// as for a garbage collection, ends the sleep.
func (d *Device) hold(begin time.Time) {
	w := &d.consumer.wait
	defer holders.Add(-1)
	if int(holders.Add(1)) >= runtime.GOMAXPROCS(0) {
		return
	}
	if w.tries() {
		took := time.Duration(0)
		for d.staysQuiet() && took < longestSpin {
			took = time.Since(begin)
		}
		w.tried(took <= w.pays)
	}
	for d.quiet() && !d.stopped() && time.Since(begin) < longestHold {
		nap := unix.NsecToTimespec(int64(longestHold))
		n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&w.poll)), uintptr(len(w.poll)), uintptr(unsafe.Pointer(&nap)), 0, 0, 0)
		if errno != unix.EINTR && (errno != 0 || n == 0 || d.woken(w.poll[0].Revents) != nil) {
			return // and sleep finds the same
		}
	}
}

// sleep waits for the kernel, for end, or for the end of a nap.
func (d *Device) sleep() error {
	w := &d.consumer.wait
	if w.nap >= firstDoze && !d.consumer.background.busy() {
		d.consumer.background.close()
		return d.doze()
	}
	nap := unix.NsecToTimespec(int64(w.nap))
	n, err := unix.Ppoll(w.poll[:], &nap, nil)
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return fmt.Errorf("ppoll: %w", err)
	case n == 0:
		w.nap *= 2
		w.count(false)
		return nil
	}
	return d.woken(w.poll[0].Revents)
}

// woken looks at what poll has found at the ring's descriptor. (The bits of epoll are the same.)
func (d *Device) woken(events int16) error {
	d.consumer.wait.nap = shortestNap
	if events&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		return ErrRemoved
	}
	if events&unix.POLLIN == 0 {
		return nil
	}
	return d.takeEvent()
}

// takeEvent takes note of the kernel's event, so that the next poll waits for another. What came with it is looked at
// afterwards, so that nothing is missed.
func (d *Device) takeEvent() error {
	d.wakeups.Add(1)
	var count [4]byte
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(d.port.FD), uintptr(unsafe.Pointer(&count)), uintptr(len(count)))
	switch {
	case errno == unix.EINTR || errno == unix.EAGAIN:
		return nil
	case errno == unix.EIO || errno == 0 && n == 0:
		return ErrRemoved
	case errno != 0:
		return fmt.Errorf("read: %w", errno)
	}
	return nil
}
