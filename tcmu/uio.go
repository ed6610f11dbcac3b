package tcmu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// UIO is the kernel's end of a ring: a uio device that belongs to a TCMU device.
type UIO struct {
	Path   string // "/dev/uio0"
	HBA    int    // of "core/user_HBA/NAME" in configfs
	Name   string
	Config string // configuration string (dev_config), may be empty
}

func (u UIO) String() string { return fmt.Sprintf("user_%d/%s", u.HBA, u.Name) }

// sysClass is where the uio devices are described.
const (
	sysClass = "/sys/class/uio"
	mapSize  = "maps/map0/size" // in the directory of a device
)

// patience is how long Open waits for another process to let go of a ring: long enough for one that was killed with
// system calls in flight.
const patience = 5 * time.Second

// Open opens the ring of u and begins to serve it. A ring that another process holds is tried again until ctx ends, at
// most for 5 seconds.
func Open(ctx context.Context, u UIO, h scsi.Handler, o Options) (*Device, error) {
	p, err := u.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", u, err)
	}
	return Attach(p, h, o)
}

// Scan lists the TCMU devices there are, whoever made them. One that the kernel is making still is left out: who has called
// Listen before hears that it is Added.
func Scan() ([]UIO, error) { return scan(sysClass) }

func scan(class string) ([]UIO, error) {
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the uio module is not even loaded
	}
	if err != nil {
		return nil, err
	}
	var found []UIO
	for _, e := range entries {
		name, err := os.ReadFile(filepath.Join(class, e.Name(), "name"))
		if err != nil {
			continue // it has gone since the directory was read
		}
		if _, err := os.Stat(filepath.Join(class, e.Name(), mapSize)); err != nil {
			continue // Linux adds its maps when it is seen already, and removes them before
		}
		if u, ok := parseUIO(strings.TrimSuffix(string(name), "\n")); ok {
			u.Path = "/dev/" + e.Name()
			found = append(found, u)
		}
	}
	return found, nil
}

// parseUIO takes the name of a uio device apart: tcm-user/HBA/NAME/CONFIG. Only the first three slashes separate.
func parseUIO(name string) (u UIO, ok bool) {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 3 || parts[0] != "tcm-user" || parts[2] == "" {
		return UIO{}, false
	}
	hba, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil {
		return UIO{}, false
	}
	u = UIO{HBA: int(hba), Name: parts[2]}
	if len(parts) == 4 {
		u.Config = parts[3]
	}
	return u, true
}

func (u UIO) open(ctx context.Context) (Port, error) {
	fd, err := u.acquire(ctx)
	if err != nil {
		return Port{}, err
	}
	mem, err := u.mmap(fd, sysClass)
	if err != nil {
		return Port{}, errors.Join(err, unix.Close(fd))
	}
	return Port{Name: u.String(), Memory: mem, FD: fd}, nil
}

// acquire opens the device, which one process at a time can do. The file is not Go's: see Device.serve.
func (u UIO) acquire(ctx context.Context) (fd int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		fd, err := unix.Open(u.Path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		switch {
		case err == nil:
			return fd, nil
		case err == unix.EINTR:
			continue
		case err != unix.EBUSY:
			return -1, &fs.PathError{Op: "open", Path: u.Path, Err: err}
		}
		select {
		case <-ctx.Done():
			return -1, fmt.Errorf("another process serves this device: stop it first (fuser %s names it): %w", u.Path, unix.EBUSY)
		case <-time.After(pause):
		}
	}
}

// mmap maps all of the device, and makes sure that it is u: its number is given to the next device as soon as one is
// removed. Only when it is open does the number stay.
func (u UIO) mmap(fd int, class string) ([]byte, error) {
	dir := filepath.Join(class, filepath.Base(u.Path))
	name, err := os.ReadFile(filepath.Join(dir, "name"))
	if err != nil {
		return nil, errors.Join(ErrRemoved, err)
	}
	is, _ := parseUIO(strings.TrimSuffix(string(name), "\n"))
	if is.HBA != u.HBA || is.Name != u.Name {
		return nil, fmt.Errorf("%s is %v by now: %w", u.Path, is, ErrRemoved)
	}
	text, err := os.ReadFile(filepath.Join(dir, mapSize))
	if err != nil {
		return nil, errors.Join(ErrRemoved, err)
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(text)), 0, 64)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", dir, mapSize, err)
	}
	mem, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", size, err)
	}
	return mem, nil
}
