package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"
)

// mostPublic is how many connections there may be at a time on a network address.
const mostPublic = 64

// ListenPublic opens a TCP address, such as 127.0.0.1:9750, for PublicHandler.
func ListenPublic(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics address: %w: give HOST:PORT, such as 127.0.0.1:9750", err)
	}
	return netutil.LimitListener(l, mostPublic), nil
}

// Listen opens the socket at path, mode 0600, and makes its directory. A socket that a dead daemon has left is replaced;
// while another daemon listens, Listen fails. Closing the listener removes the socket.
//
// What tells the living from the dead is a lock on path with ".lock" added, which ends with the process that holds it.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another tcmud listens on %s: stop it first, or give this one a socket of its own", path)
		}
		return nil, &fs.PathError{Op: "flock", Path: lock.Name(), Err: err}
	}
	l, err := listen(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &listener{l, lock}, nil
}

func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// listener holds the lock as long as it listens.
type listener struct {
	net.Listener
	lock *os.File
}

func (l *listener) Close() error {
	return errors.Join(l.Listener.Close(), l.lock.Close())
}
