// Package tcmutest is the kernel's end of a TCMU ring, without a kernel: it puts commands into the ring of a shared
// memory file, hears the doorbell through a socket, and reaps completions as target_core_user.c does. A tcmu.Device runs
// against it unchanged, and nobody need be root:
//
//	k := tcmutest.New(t, tcmutest.Config{})
//	mem, fd, err := k.Open()
//	d, err := tcmu.Attach(tcmu.Port{Name: "test", Memory: mem, FD: fd}, handler, tcmu.Options{})
//	c := &tcmutest.Command{CDB: []byte{0x12, 0, 0, 0, 36, 0}, In: 36} // INQUIRY
//	k.Do(c)
//	// c.Status, c.Sense, c.Data
//
// It is a judge as well. A completion that the kernel would answer with a broken ring - an id that is not in flight, a
// tail between entries - fails the test, and so does anything left in the ring by whoever should have stepped over it.
// The data area is filled with Poison before each command with Data-In, so that bytes nobody wrote can be seen in
// Command.Data.
//
// It shares no code with package tcmu: the two can agree only by both being right about linux/target_core_user.h.
package tcmutest

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Flags of the mailbox, for Config.Without.
const (
	OutOfOrder     uint16 = 1 << iota // TCMU_MAILBOX_FLAG_CAP_OOOC
	ReadLength                        // TCMU_MAILBOX_FLAG_CAP_READ_LEN
	TaskManagement                    // TCMU_MAILBOX_FLAG_CAP_TMR
	KeepBuffer                        // TCMU_MAILBOX_FLAG_CAP_KEEP_BUF
)

// BlockSize is the size in bytes of a block of the data area. Every iovec begins at one.
const BlockSize = 4096

// Config is the shape of a ring. The zero Config is a small ring of a current kernel.
type Config struct {
	Ring    int    // bytes of command ring, a multiple of 8; 0: 64 KiB less the mailbox
	Blocks  int    // blocks of the data area; 0: 256, which is 1 MiB
	Without uint16 // flags that this kernel does not have
	// Scatter leaves a gap after each block of a command's data, so that each becomes an iovec of its own. Else
	// neighbours are one iovec, as in the kernel.
	Scatter bool
	// RefuseWhenFull ends commands that find no room with TASK SET FULL (qfull_time_out 0). Else they wait.
	RefuseWhenFull bool
	// Expect takes what the ring's user did wrong, instead of failing the test.
	Expect func(error)
}

// Kernel is the kernel's end of one ring. Its methods may be called from several goroutines.
type Kernel struct {
	t    testing.TB
	conf Config
	file int // of the shared memory
	mem  []byte

	mu      sync.Mutex
	session *session // of whoever has the device open; nil if nobody
	plugged bool
	blocked bool
	removed bool
	broken  bool
	ring    producer
	area    area
	live    []*Command // by id
	queue   []*Command // waiting for room

	functions []*function // that wait for commands to be completed
}

// session is one opening of the device.
type session struct {
	fd   int           // our end
	gone chan struct{} // closed when the other end has been closed
}

// New makes a ring. It is taken apart when the test ends.
func New(t testing.TB, c Config) *Kernel {
	t.Helper()
	if c.Ring == 0 {
		c.Ring = 64<<10 - mailboxSize
	}
	if c.Blocks == 0 {
		c.Blocks = 256
	}
	k := &Kernel{t: t, conf: c, file: -1, live: make([]*Command, 1)} // ids begin at 1
	data := (mailboxSize + c.Ring + BlockSize - 1) / BlockSize * BlockSize
	file, mem, err := share(data + c.Blocks*BlockSize)
	if err != nil {
		t.Fatalf("shared memory: %v", err)
	}
	k.file, k.mem = file, mem
	k.ring = newProducer(mem, c.Ring, 0xf&^c.Without)
	k.area = area{mem: mem, begin: data, used: make([]bool, c.Blocks), scatter: c.Scatter}
	t.Cleanup(k.close)
	return k
}

// share makes shared memory and maps it.
func share(size int) (fd int, mem []byte, err error) {
	fd, err = unix.MemfdCreate("tcmutest", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, nil, err
	}
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, err
	}
	return fd, mem, nil
}

// Open opens the device, as open(2) and mmap(2) of /dev/uioN do: a map of its own, and a file descriptor that becomes
// readable when there is something in the ring and takes the doorbell. Both belong to the caller; a Device closes them.
// While they are open, another Open is EBUSY; once the device has been removed, it is ENODEV.
func (k *Kernel) Open() (mem []byte, fd int, err error) {
	k.mu.Lock()
	last := k.session
	busy := last != nil && !hungUp(last.fd) // asked with the lock held: listen closes this descriptor
	removed := k.removed
	k.mu.Unlock()
	switch {
	case removed:
		return nil, -1, unix.ENODEV
	case busy:
		return nil, -1, unix.EBUSY
	}
	if last != nil {
		<-last.gone
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	mem, err = unix.Mmap(k.file, 0, len(k.mem), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_, _ = unix.Close(ends[0]), unix.Close(ends[1])
		return nil, -1, err
	}
	s := &session{fd: ends[0], gone: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.removed { // before somebody listens: close waits for those who do, and then unmaps the ring
		_, _, _ = unix.Close(ends[0]), unix.Close(ends[1]), unix.Munmap(mem)
		return nil, -1, unix.ENODEV
	}
	k.session = s
	go k.listen(s)
	return mem, ends[1], nil
}

func (k *Kernel) current() *session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.session
}

// hungUp says whether the other end of a socket has been closed.
func hungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}

// listen is what write(2) does in the kernel: it reaps.
func (k *Kernel) listen(s *session) {
	var word [64]byte
	for {
		n, err := unix.Read(s.fd, word[:])
		if err == unix.EINTR || err == unix.ECONNRESET { // reset: closed with events unread; doorbells may still be here
			continue
		}
		if err != nil || n == 0 {
			break
		}
		if n != 4 {
			k.fail("doorbell of %d bytes, the kernel takes 4", n)
		}
		k.Reap()
	}
	k.mu.Lock()
	k.session = nil
	for id, c := range k.live { // the next to open the device could not know of them
		if c != nil && c.kept {
			k.area.release(c.blocks)
			k.live[id] = nil
		}
	}
	_ = unix.Close(s.fd)
	k.mu.Unlock()
	close(s.gone)
}

// Remove takes the device away under whoever has it open.
func (k *Kernel) Remove() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.removed = true
	if k.session != nil {
		_ = unix.Shutdown(k.session.fd, unix.SHUT_RDWR)
	}
}

func (k *Kernel) close() {
	k.Remove()
	if s := k.current(); s != nil {
		<-s.gone
	}
	_ = unix.Munmap(k.mem)
	_ = unix.Close(k.file)
}

// notify makes the device readable. A full socket is readable already.
func (k *Kernel) notify() {
	if k.session != nil && !k.plugged && !k.removed {
		_ = unix.Send(k.session.fd, event, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}
}

var event = make([]byte, 4)

// Plug keeps the kernel from telling of what it puts into the ring, until Unplug: a batch.
func (k *Kernel) Plug() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.plugged = true
}

// Unplug ends a batch.
func (k *Kernel) Unplug() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.plugged = false
	k.notify()
}

// fail reports what the ring's user did wrong.
func (k *Kernel) fail(format string, args ...any) {
	if k.conf.Expect != nil {
		k.conf.Expect(wrong(format, args...))
		return
	}
	k.t.Errorf("tcmutest: "+format, args...)
}
