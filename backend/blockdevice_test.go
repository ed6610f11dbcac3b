package backend_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/backend/backendtest"
)

const deviceSize = 8 << 20

// loopDevice makes a block device of deviceSize over the sparse file that it returns too.
func loopDevice(t *testing.T, args ...string) (device, file string) {
	if os.Getuid() != 0 {
		t.Skip("making a loop device needs root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("this kernel has no loop devices: ", err)
	}
	file = filepath.Join(t.TempDir(), "below")
	_, err := backend.CreateFile(file, deviceSize)
	require.NoError(t, err)
	out, err := exec.Command("losetup", append(args, "--find", "--show", file)...).CombinedOutput()
	require.NoError(t, err, string(out))
	device = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		out, err := exec.Command("losetup", "--detach", device).CombinedOutput()
		require.NoError(t, err, string(out))
	})
	return device, file
}

func openDevice(t *testing.T, path string, block int64) backend.Store {
	s, err := backend.OpenFile(path, backend.FileOptions{BlockSize: block, Journals: t.TempDir()})
	require.NoError(t, err)
	return s
}

func TestBlockDevice(t *testing.T) {
	var device string
	backendtest.Run(t,
		func(t *testing.T) backend.Store {
			device, _ = loopDevice(t)
			return openDevice(t, device, 512)
		},
		backendtest.Reopen(func(t *testing.T) backend.Store { return openDevice(t, device, 512) }))
}

func TestBlockDeviceGivesSpaceBack(t *testing.T) {
	device, below := loopDevice(t)
	s := backend.Resolve(openDevice(t, device, 512))
	defer s.Close()
	require.EqualValues(t, deviceSize, s.Size())
	require.Equal(t, backend.Native, s.Discards())
	require.Positive(t, s.MaxAtomic(), "the file below identifies the device")
	_, _, err := s.Space()
	require.ErrorIs(t, err, errors.ErrUnsupported, "of the file system that the device's node is in")
	require.NoError(t, s.Writev([][]byte{bytes.Repeat([]byte{1}, deviceSize)}, 0, true))
	require.NoError(t, s.Flush())
	full := allocated(t, below)
	require.NoError(t, s.Discard(0, deviceSize/2))
	require.NoError(t, s.Flush())
	require.Less(t, allocated(t, below), full)
}

func TestBlockDeviceOpensOnce(t *testing.T) {
	device, _ := loopDevice(t)
	s := openDevice(t, device, 512)
	defer s.Close()
	_, err := backend.OpenFile(device, backend.FileOptions{})
	require.ErrorIs(t, err, syscall.EBUSY)
	require.ErrorContains(t, err, "is in use: unmount it")
	_, err = backend.CreateFile(device, deviceSize)
	require.ErrorContains(t, err, "is a block device, it has a size: give none")
}

func TestMountedBlockDeviceIsRefused(t *testing.T) {
	device, _ := loopDevice(t)
	out, err := exec.Command("mkfs.ext4", "-q", device).CombinedOutput()
	require.NoError(t, err, string(out))
	dir := t.TempDir()
	require.NoError(t, unix.Mount(device, dir, "ext4", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(dir, 0)) }()
	for _, readOnly := range []bool{false, true} {
		_, err = backend.OpenFile(device, backend.FileOptions{ReadOnly: readOnly})
		require.ErrorIs(t, err, syscall.EBUSY)
	}
}

func TestBlockDeviceSectorSize(t *testing.T) {
	device, _ := loopDevice(t, "--sector-size", "4096")
	_, err := backend.OpenFile(device, backend.FileOptions{BlockSize: 512})
	require.ErrorContains(t, err, "has sectors of 4096 bytes: use a block size of 4096, not 512")
	require.NoError(t, openDevice(t, device, 4096).Close())
}

func TestReadOnlyBlockDevice(t *testing.T) {
	device, _ := loopDevice(t, "--read-only")
	_, err := backend.OpenFile(device, backend.FileOptions{})
	require.ErrorContains(t, err, "is not read-only")
	s, err := backend.OpenFile(device, backend.FileOptions{ReadOnly: true})
	require.NoError(t, err)
	require.NoError(t, s.Readv([][]byte{make([]byte, 4096)}, deviceSize-4096))
	require.NoError(t, s.Close())
}
