package tcmu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"
)

// The generic netlink family by which the kernel tells of its devices, and the multicast group.
const (
	family = "TCM-USER"
	group  = "config"
)

// receiveBuffer is room for the events of some ten thousand devices. The default is full after fifty that are created at
// once, and what comes then is lost.
const receiveBuffer = 8 << 20

// Listener hears what the kernel says of TCMU devices, of all of them, whoever made them.
//
// A daemon may also ask the kernel to wait for its consent at each change; this one never does, for that holds for all
// devices, other programs' too, and outlives the daemon, after which creating or removing a device hangs for good. So
// devices of ours are made with nl_reply_supported=-1; Consent is for those that were not. To be in the group is worth
// something in itself: with nobody there the kernel refuses to resize a device.
type Listener struct {
	conn    *genetlink.Conn
	replies *genetlink.Conn // apart from conn, where errors would come among the events
	family  uint16
	queue   []Event // received and not yet returned
	closed  atomic.Bool
}

// Listen joins the group. The module target_core_user has to be loaded, and the process privileged (CAP_NET_ADMIN) to
// have the receive buffer that it takes to lose nothing.
func Listen() (*Listener, error) { return listen(family, group) }

func listen(family, group string) (*Listener, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("generic netlink: %w", err)
	}
	replies, err := genetlink.Dial(nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("generic netlink: %w", err), conn.Close())
	}
	l := &Listener{conn: conn, replies: replies}
	if err := l.join(family, group); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Listener) join(family, group string) error {
	f, err := l.conn.GetFamily(family)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the kernel has no netlink family %s: load target_core_user (modprobe target_core_user): %w", family, err)
	}
	if err != nil {
		return fmt.Errorf("netlink family %s: %w", family, err)
	}
	l.family = f.ID
	if err := l.conn.SetReadBuffer(receiveBuffer); err != nil {
		return fmt.Errorf("netlink receive buffer: %w", err)
	}
	for _, g := range f.Groups {
		if g.Name == group {
			return l.conn.JoinGroup(g.ID)
		}
	}
	return fmt.Errorf("netlink family %s has no group %s: is this kernel older than Linux 3.18?", family, group)
}

// Close ends listening; a Next that waits returns.
func (l *Listener) Close() error {
	l.closed.Store(true)
	return errors.Join(l.conn.Close(), l.replies.Close())
}

// Next waits for an event. One goroutine at a time may call it. What the kernel says between Listen and a Scan is heard,
// so whoever listens first and scans then misses no device. After Close the error wraps os.ErrClosed; after any other
// the Listener is of no more use.
func (l *Listener) Next() (Event, error) {
	for len(l.queue) == 0 {
		messages, headers, err := l.conn.Receive()
		switch {
		case err == nil:
		case l.closed.Load():
			return Event{}, fmt.Errorf("netlink: %w", os.ErrClosed)
		case errors.Is(err, unix.ENOBUFS):
			return Event{Kind: Lost}, nil
		default:
			return Event{}, fmt.Errorf("netlink: %w", err)
		}
		for i, m := range messages {
			if uint16(headers[i].Header.Type) == l.family {
				l.queue = append(l.queue, decodeEvents(m)...)
			}
		}
	}
	e := l.queue[0]
	l.queue = l.queue[1:]
	return e, nil
}
