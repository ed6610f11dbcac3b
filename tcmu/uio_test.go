package tcmu

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestParseUIO(t *testing.T) {
	for _, c := range []struct {
		name string
		want UIO
		ok   bool
	}{
		{"tcm-user/0/rd0/tcmud/ramdisk", UIO{HBA: 0, Name: "rd0", Config: "tcmud/ramdisk"}, true},
		{"tcm-user/17/disk0/tcmud/fileio/tmp/disk0.img", UIO{HBA: 17, Name: "disk0", Config: "tcmud/fileio/tmp/disk0.img"}, true},
		{"tcm-user/3/bare", UIO{HBA: 3, Name: "bare"}, true},
		{"tcm-user/3/bare/", UIO{HBA: 3, Name: "bare"}, true},
		{"tcm-user/3/", UIO{}, false},
		{"tcm-user/3", UIO{}, false},
		{"tcm-user//rd0/x", UIO{}, false},
		{"tcm-user/-1/rd0/x", UIO{}, false},
		{"tcm-user/one/rd0/x", UIO{}, false},
		{"tcm-users/1/rd0/x", UIO{}, false},
		{"uio_pci_generic", UIO{}, false},
		{"", UIO{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, ok := parseUIO(c.name)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, u)
		})
	}
}

// sysfs makes a /sys/class/uio of devices with the given names and sizes.
func sysfs(t *testing.T, devices map[string][2]string) string {
	class := t.TempDir()
	for dev, d := range devices {
		dir := filepath.Join(class, dev)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "maps/map0"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "name"), []byte(d[0]+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "maps/map0/size"), []byte(d[1]+"\n"), 0o644))
	}
	return class
}

func TestScan(t *testing.T) {
	class := sysfs(t, map[string][2]string{
		"uio0":  {"tcm-user/0/rd0/tcmud/ramdisk", "0x1000"},
		"uio1":  {"uio_pci_generic", "0x1000"},
		"uio12": {"tcm-user/4/other/their/config", "0x1000"},
	})
	require.NoError(t, os.Mkdir(filepath.Join(class, "uio7"), 0o755)) // is just going away
	require.NoError(t, os.Mkdir(filepath.Join(class, "uio8"), 0o755)) // is just coming
	require.NoError(t, os.WriteFile(filepath.Join(class, "uio8/name"), []byte("tcm-user/0/rd1/tcmud/ramdisk\n"), 0o644))
	found, err := scan(class)
	require.NoError(t, err)
	require.Equal(t, []UIO{
		{Path: "/dev/uio0", HBA: 0, Name: "rd0", Config: "tcmud/ramdisk"},
		{Path: "/dev/uio12", HBA: 4, Name: "other", Config: "their/config"},
	}, found)
	require.Equal(t, "user_4/other", found[1].String())
	require.NoError(t, os.MkdirAll(filepath.Join(class, "uio8/maps/map0"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(class, "uio8/maps/map0/size"), []byte("0x1000\n"), 0o644))
	found, err = scan(class)
	require.NoError(t, err)
	require.Len(t, found, 3)
}

func TestScanWithoutUIO(t *testing.T) {
	found, err := scan(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Empty(t, found)
}

// What is mapped is all of the device, once it is certain that it still is the one that was meant.
func TestMap(t *testing.T) {
	fd, err := unix.MemfdCreate("uio", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Ftruncate(fd, 0x3000))
	class := sysfs(t, map[string][2]string{
		"uio0": {"tcm-user/1/rd0/tcmud/ramdisk", "0x3000"},
		"uio1": {"tcm-user/1/rd1/tcmud/ramdisk", "0x3000"},
		"uio2": {"tcm-user/1/rd2/tcmud/ramdisk", "plenty"},
		"uio3": {"tcm-user/1/rd3/tcmud/ramdisk", "0x0"},
	})
	mem, err := UIO{Path: "/dev/uio0", HBA: 1, Name: "rd0", Config: "before it was changed"}.mmap(fd, class)
	require.NoError(t, err)
	require.Len(t, mem, 0x3000)
	require.NoError(t, unix.Munmap(mem))

	for _, c := range []struct {
		name    string
		u       UIO
		removed bool
		want    string
	}{
		{"the number is another's by now", UIO{Path: "/dev/uio1", HBA: 1, Name: "rd0"}, true, "/dev/uio1 is user_1/rd1 by now"},
		{"the number is of another HBA's by now", UIO{Path: "/dev/uio1", HBA: 2, Name: "rd1"}, true, "/dev/uio1 is user_1/rd1 by now"},
		{"there is no such number any more", UIO{Path: "/dev/uio9", HBA: 1, Name: "rd0"}, true, "no such file"},
		{"no number for a size", UIO{Path: "/dev/uio2", HBA: 1, Name: "rd2"}, false, "maps/map0/size"},
		{"no size", UIO{Path: "/dev/uio3", HBA: 1, Name: "rd3"}, false, "mmap of 0 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.u.mmap(fd, class)
			require.ErrorContains(t, err, c.want)
			if c.removed {
				require.ErrorIs(t, err, ErrRemoved)
			}
		})
	}
}

func TestOpenWhatIsNotThere(t *testing.T) {
	_, err := Open(context.Background(), UIO{Path: "/dev/uio-none", HBA: 1, Name: "rd0"}, good, Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "user_1/rd0: open /dev/uio-none")
}
