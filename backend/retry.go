package backend

import "time"

// Retrier is a store that does again what the one below could not do because it cannot be reached (Unavailable), for a time.
type Retrier struct {
	*Medium
	limit time.Duration
	stop  <-chan struct{}
}

// Retry has operations of s that find it unavailable tried again for up to limit each, or until stop is closed. Those who call
// wait meanwhile, and there are never more of them than the ring has places. What can be done at once still is.
func Retry(s Store, limit time.Duration, stop <-chan struct{}) *Retrier {
	return &Retrier{Resolve(s), limit, stop}
}

// The pauses between two tries: the first, and the longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// retry does something until it ends otherwise, or the time is over.
func (r *Retrier) retry(do func() error) error {
	err := do()
	if err == nil || CauseOf(err) != Unavailable {
		return err
	}
	over := time.NewTimer(r.limit)
	defer over.Stop()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
		case <-over.C:
			return err
		case <-r.stop:
			return err
		}
		if err = do(); err == nil || CauseOf(err) != Unavailable {
			return err
		}
	}
}

// Readv implements Store.
func (r *Retrier) Readv(iov [][]byte, off int64) error {
	return r.retry(func() error { return r.Medium.Readv(iov, off) })
}

// Writev implements Store.
func (r *Retrier) Writev(iov [][]byte, off int64, durable bool) error {
	return r.retry(func() error { return r.Medium.Writev(iov, off, durable) })
}

// WriteAtomic implements AtomicWriter.
func (r *Retrier) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	return r.retry(func() error { return r.Medium.WriteAtomic(iov, off, durable) })
}

// Zero implements Zeroer.
func (r *Retrier) Zero(off, n int64, durable bool) error {
	return r.retry(func() error { return r.Medium.Zero(off, n, durable) })
}

// Discard implements Discarder.
func (r *Retrier) Discard(off, n int64) error {
	return r.retry(func() error { return r.Medium.Discard(off, n) })
}

// Flush implements Store.
func (r *Retrier) Flush() error { return r.retry(r.Medium.Flush) }

// Traits implements Describer. They are those of the store, but Blocking.
func (r *Retrier) Traits() Traits {
	t := r.Medium.Traits()
	t.Blocking = true
	return t
}

// ReadvNow implements Prompter: what cannot be done at once is Readv's.
func (r *Retrier) ReadvNow(iov [][]byte, off int64) error {
	return later(r.ReadvAtOnce(iov, off))
}

// WritevNow implements Prompter.
func (r *Retrier) WritevNow(iov [][]byte, off int64) error {
	return later(r.WritevAtOnce(iov, off))
}

// later has one who may wait see to it that the store cannot be reached.
func later(err error) error {
	if err != nil && CauseOf(err) == Unavailable {
		return errLater
	}
	return err
}

// DelegateRead implements Delegator: who asks hears only that it did not end well, and Readv finds out why.
func (r *Retrier) DelegateRead(e Engine, iov [][]byte, off int64) bool { return r.ReadvBy(e, iov, off) }

// DelegatedReadEnded implements Delegator.
func (r *Retrier) DelegatedReadEnded(iov [][]byte, off int64) { r.ReadvByEnded(iov, off) }

// DelegateWrite implements Delegator.
func (r *Retrier) DelegateWrite(e Engine, iov [][]byte, off int64) bool {
	return r.WritevBy(e, iov, off)
}
