package backend

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Prompter is a store that waits for a device now and then, and knows when. A ring's own thread then does what need not
// wait, and only the rest is for others: a worker costs more than the page cache does.
type Prompter interface {
	// ReadvNow is Readv if that need not wait. Else its error wraps syscall.EAGAIN, the content of iov is undefined, and
	// Readv is to be called.
	ReadvNow(iov [][]byte, off int64) error

	// WritevNow is Writev, not durable, in the same way. What an error leaves is as after one of Writev.
	WritevNow(iov [][]byte, off int64) error
}

// errLater is why an operation is not done at once.
var errLater = fmt.Errorf("it would have to wait: %w", syscall.EAGAIN)

// ReadvAtOnce is Readv if it need not wait; else the error wraps syscall.EAGAIN. (It is not called ReadvNow, so that a
// wrapper that embeds a Medium is no Prompter unless it says so: it might be passed by.)
func (m *Medium) ReadvAtOnce(iov [][]byte, off int64) error {
	switch {
	case m.prompter != nil:
		return m.prompter.ReadvNow(iov, off)
	case m.traits.Blocking:
		return errLater
	}
	return m.Store.Readv(iov, off)
}

// WritevAtOnce is Writev, not durable, in the same way.
func (m *Medium) WritevAtOnce(iov [][]byte, off int64) error {
	switch {
	case m.prompter != nil:
		return m.prompter.WritevNow(iov, off)
	case m.traits.Blocking:
		return errLater
	}
	return m.Store.Writev(iov, off, false)
}

// Engine begins I/O on a file, of memory that stays where it is until it has ended, and says whether it has begun; else
// nothing has been done. Who asked for it hears of its end.
type Engine interface {
	Read(fd int, iov [][]byte, off int64) bool
	Write(fd int, iov [][]byte, off int64) bool
}

// Delegator is a store some of whose I/O is no more than that on a file, so that an Engine can do it: what a Prompter has
// refused for now. Where it does not end well, or not whole, Readv or Writev of all of it says why.
type Delegator interface {
	DelegateRead(e Engine, iov [][]byte, off int64) bool
	DelegateWrite(e Engine, iov [][]byte, off int64) bool
	// DelegatedReadEnded is called when what DelegateRead has begun has ended, well or not.
	DelegatedReadEnded(iov [][]byte, off int64)
}

// ReadvBy has e do what Readv does, as far as the store and e can, and says whether it has begun. (Its name is another
// than the store's for the reason that ReadvAtOnce's is.)
func (m *Medium) ReadvBy(e Engine, iov [][]byte, off int64) bool {
	return e != nil && m.delegator != nil && m.delegator.DelegateRead(e, iov, off)
}

// ReadvByEnded is for who hears that what ReadvBy has begun has ended, well or not: once, and before anything else.
func (m *Medium) ReadvByEnded(iov [][]byte, off int64) { m.delegator.DelegatedReadEnded(iov, off) }

// WritevBy is ReadvBy of Writev, not durable.
func (m *Medium) WritevBy(e Engine, iov [][]byte, off int64) bool {
	return e != nil && m.delegator != nil && m.delegator.DelegateWrite(e, iov, off)
}

// DelegateRead implements Delegator.
func (f *File) DelegateRead(e Engine, iov [][]byte, off int64) bool {
	n, err := span(iov, off, f.Size())
	read := extent{off, n, false}
	if err != nil || !f.align.takes(iov) || !f.busy.try(read) {
		return false
	}
	if !e.Read(f.fd, iov, off) {
		f.busy.release(read)
		return false
	}
	return true
}

// DelegatedReadEnded implements Delegator.
func (f *File) DelegatedReadEnded(iov [][]byte, off int64) {
	n, _ := span(iov, off, math.MaxInt64) // it was in the file when it began
	f.busy.release(extent{off, n, false})
}

// DelegateWrite implements Delegator, for direct I/O: the kernel has others do what waits for the page cache, as we do.
func (f *File) DelegateWrite(e Engine, iov [][]byte, off int64) bool {
	_, err := span(iov, off, f.Size())
	if err != nil || !f.direct || f.readOnly || !f.align.takes(iov) || !e.Write(f.fd, iov, off) {
		return false
	}
	f.wrote()
	return true
}

// ReadvNow implements Prompter: what is in the page cache. Direct I/O always waits for the device.
func (f *File) ReadvNow(iov [][]byte, off int64) error {
	if f.direct || f.noNowait.Load() {
		return errLater
	}
	n, err := span(iov, off, f.Size())
	if err != nil {
		return err
	}
	e := extent{off, n, false}
	if !f.busy.try(e) {
		return errLater
	}
	defer f.busy.release(e)
	err = transfer(unix.SYS_PREADV2, f.fd, iov, off, unix.RWF_NOWAIT)
	if errors.Is(err, errors.ErrUnsupported) {
		f.noNowait.Store(true)
	}
	if err != nil { // whatever it is, Readv finds it too, and says it better
		return errLater
	}
	return nil
}

// WritevNow implements Prompter. Few file systems can say whether a write into the page cache would wait (of Linux 6.1, ext4
// cannot). It rarely does, and workers gain nothing but that others need not wait for it: writes to a file exclude each
// other. So it is written at once, as long as none has taken long lately.
func (f *File) WritevNow(iov [][]byte, off int64) error {
	if f.direct || !f.pace.quick() {
		return errLater
	}
	e, err := f.written(iov, off)
	if err != nil {
		return err
	}
	if !f.busy.try(e) {
		return errLater
	}
	defer f.busy.release(e)
	began := now()
	err = f.write(iov, off, false)
	f.pace.took(now() - began)
	return err
}

// pace knows whether operations that take long are to be expected.
type pace struct{ slowUntil atomic.Int64 }

const (
	// slow is what nobody else should wait for: a write into the page cache takes some microseconds, and one that is held
	// up, because too much is dirty or the journal is full, at least some ticks of the kernel's clock.
	slow = 10 * time.Millisecond
	// slowTime is for how long there may be more of them: so often does one hold up others, at most.
	slowTime = time.Second / 4
)

func (p *pace) quick() bool {
	until := p.slowUntil.Load()
	return until == 0 || int64(now()) >= until
}

func (p *pace) took(d time.Duration) {
	if d > slow {
		p.slowUntil.Store(int64(now() + slowTime))
	}
}

// now is the time since the program began. The clock that measures time costs half of one that knows the date too.
func now() time.Duration { return time.Since(begin) }

var begin = time.Now()
