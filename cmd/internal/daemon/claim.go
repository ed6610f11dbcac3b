package daemon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
)

// claimer has new devices of ours wait for nobody's consent.
//
// Once tcmu-runner has run, the kernel waits at each change of a device for a daemon's consent; and tcmu-runner refuses
// what it has no handler for, if it is still there at all. tcmuctl makes our devices so that they do not wait
// (nl_reply_supported=-1); targetcli and scripts cannot be told to. Of other remedies, to tell the kernel that nobody
// answers would take its say from tcmu-runner for its own devices too, and to answer before tcmu-runner does fails every
// third time.
//
// So the claimer watches configfs, and as soon as a device has a configuration string of ours, before its maker gets to
// enable it, has that device wait for nobody. That too is a race, but against a program with several steps to go; should
// it be lost, the answer to the kernel's event is a second chance (Daemon.consent). Both change nothing but the device,
// and nothing that a daemon would have to be there for later.
type claimer struct {
	root   lio.Root
	ours   func(config string) bool
	log    *slog.Logger
	fd     int             // inotify
	events *os.File        // the same
	places map[int32]place // that are watched, by watch descriptor; only run's after claim
}

// place is core, an HBA or a device.
type place struct {
	dir    string
	hba    int    // noHBA: core
	device string // "": core or an HBA
}

const noHBA = -1

// claim claims the devices there are, and goes on with new ones until Close.
func claim(root lio.Root, ours func(config string) bool, log *slog.Logger) (*claimer, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	c := &claimer{
		root: root, ours: ours, log: log,
		fd: fd, events: os.NewFile(uintptr(fd), "inotify"), places: make(map[int32]place),
	}
	if err := c.lookAtCore(); err != nil {
		return nil, errors.Join(err, c.events.Close())
	}
	go c.run()
	return c, nil
}

// Close ends it.
func (c *claimer) Close() error { return c.events.Close() }

func (c *claimer) run() {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.events.Read(buf)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				c.log.Error("new devices may have to wait for tcmu-runner", "err", err)
			}
			return
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
			name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00")
			c.event(int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:]), name)
			b = b[end:]
		}
	}
}

// event acts on an event of a watch; name is that of the file in it.
func (c *claimer) event(watch int32, mask uint32, name string) {
	at, known := c.places[watch]
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		if err := c.lookAtCore(); err != nil {
			c.log.Error("new devices may have to wait for tcmu-runner", "err", err)
		}
	case mask&unix.IN_IGNORED != 0: // the directory has gone, or was decided upon
		delete(c.places, watch)
	case known && at.device == "":
		c.look(at, name)
	case known:
		c.decide(watch, at)
	}
}

func (c *claimer) lookAtCore() error {
	return c.watch(place{dir: filepath.Join("/", c.root.Dir, "sys/kernel/config/target/core"), hba: noHBA}, unix.IN_CREATE)
}

// look examines what has come into core or an HBA.
func (c *claimer) look(at place, name string) {
	below, events := place{filepath.Join(at.dir, name), at.hba, name}, uint32(unix.IN_MODIFY)
	if at.hba == noHBA {
		digits, isUser := strings.CutPrefix(name, "user_")
		hba, err := strconv.Atoi(digits)
		if !isUser || err != nil {
			return // not TCMU's
		}
		below.hba, below.device, events = hba, "", unix.IN_CREATE
	}
	if err := c.watch(below, events); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.log.Error("a new device may have to wait for tcmu-runner", "directory", below.dir, "err", err)
	}
}

// watch begins to watch a directory, and examines what is there already.
func (c *claimer) watch(p place, events uint32) error {
	wd, err := unix.InotifyAddWatch(c.fd, p.dir, events|unix.IN_ONLYDIR)
	if err != nil {
		return &os.PathError{Op: "inotify", Path: p.dir, Err: err}
	}
	c.places[int32(wd)] = p
	if p.device != "" {
		c.decide(int32(wd), p)
		return nil
	}
	entries, err := os.ReadDir(p.dir)
	for _, e := range entries {
		if e.IsDir() {
			c.look(p, e.Name())
		}
	}
	return err
}

// decide claims a device once it has a configuration string that is ours, and is done with it when it has any.
func (c *claimer) decide(watch int32, at place) {
	so := c.root.User(at.hba, at.device)
	config, err := so.Config()
	if err != nil || config == "" {
		return // its maker, or its deletion, is not done yet
	}
	_, _ = unix.InotifyRmWatch(c.fd, uint32(watch)) // fails if the directory has gone, and the watch with it
	if !c.ours(config) {
		return
	}
	if _, err := waitForNobody(so); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.log.Error("a device may have to wait for tcmu-runner", "device", at.dir, "err", err)
	}
}

// waitForNobody has changes of a device wait for no daemon's consent. It returns whether they did wait.
func waitForNobody(so lio.StorageObject) (waited bool, err error) {
	now, err := so.Attribute("nl_reply_supported")
	if err != nil || strings.HasPrefix(now, "-") {
		return false, err
	}
	return now != "0", so.SetAttribute("nl_reply_supported", "-1")
}
