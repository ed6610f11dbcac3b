package tcmu

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// dozers are the rings that nothing has come to for a while. One thread waits for all of them, so that each costs a
// goroutine and no thread. It is not the Go runtime's, which has more to look after: the kernel's poll function of a uio
// device waits for the lock that a doorbell holds while it copies data.
type dozers struct {
	start sync.Once
	epoll int
	err   error // of start

	mu  sync.Mutex
	all map[int32]chan<- uint32 // guarded by mu: by descriptor, who is told of its events
}

var asleep = dozers{all: map[int32]chan<- uint32{}}

// enter returns what tells, once, of events at fd.
func (z *dozers) enter(fd int) (<-chan uint32, error) {
	if z.start.Do(z.begin); z.err != nil {
		return nil, z.err
	}
	woken := make(chan uint32, 1)
	z.mu.Lock()
	defer z.mu.Unlock()
	z.all[int32(fd)] = woken
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}
	if err := unix.EpollCtl(z.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		delete(z.all, int32(fd))
		return nil, fmt.Errorf("epoll_ctl: %w", err)
	}
	return woken, nil
}

// leave is to be called before fd is closed.
func (z *dozers) leave(fd int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.all, int32(fd))
	unix.EpollCtl(z.epoll, unix.EPOLL_CTL_DEL, fd, nil) // fails only if it is not there
}

func (z *dozers) begin() {
	if z.epoll, z.err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); z.err != nil {
		z.err = fmt.Errorf("epoll_create1: %w", z.err)
		return
	}
	go z.watch()
}

// watch wakes those for whom there is an event. An event of somebody who has left is nobody's, or wakes who has the
// descriptor now, in vain.
func (z *dozers) watch() {
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(z.epoll, events[:], -1)
		if err != nil && err != unix.EINTR {
			panic(fmt.Errorf("epoll_wait: %w", err)) // it fails for programs that are wrong
		}
		z.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			if woken := z.all[e.Fd]; woken != nil {
				select {
				case woken <- e.Events:
				default: // it has been woken
				}
			}
		}
		z.mu.Unlock()
	}
}

// doze is sleep as one of many.
func (d *Device) doze() error {
	w := &d.consumer.wait
	woken, err := asleep.enter(d.port.FD)
	if err != nil {
		return err
	}
	defer asleep.leave(d.port.FD)
	var ends <-chan time.Time // nil: never
	if w.nap <= longestNap {
		nap := time.NewTimer(w.nap)
		defer nap.Stop()
		ends = nap.C
	}
	select {
	case <-d.quit:
		return nil
	case <-ends:
		w.nap *= 2
		return nil
	case events := <-woken:
		return d.woken(int16(events))
	}
}
