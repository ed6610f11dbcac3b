//go:build guest

package guest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// set changes a setting of the disk's backstore.
func (d disk) set(t *testing.T, words ...string) string {
	t.Helper()
	return must(t, "tcmuctl", append([]string{d.object.Path, "set"}, words...)...)
}

// rescan has sd look at the disk again, as an administrator does.
func (d disk) rescan(t *testing.T) {
	t.Helper()
	write(t, filepath.Join("/sys/block", filepath.Base(d.node), "device/rescan"), "1")
}

// size is what sd takes the disk's to be.
func (d disk) size(t *testing.T) int64 {
	t.Helper()
	n, err := strconv.ParseInt(must(t, "blockdev", "--getsize64", d.node), 10, 64)
	require.NoError(t, err)
	return n
}

// copyTo writes a file to the disk, past the page cache.
func (d disk) copyTo(t *testing.T, file string, offset int64) {
	t.Helper()
	must(t, "dd", "if="+file, "of="+d.node, "bs=1M", "oflag=direct", "seek="+strconv.FormatInt(offset/mib, 10), "status=none")
}

// devices is what tcmud tells of its devices.
func devices(t *testing.T) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", controlSocket)
		},
	}}
	answer, err := c.Get("http://tcmud/devices")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// A disk grows and shrinks while it is written to: sd hears of it, and no command fails.
func TestDiskChangesItsSizeUnderLoad(t *testing.T) {
	withoutUdev(t) // it reads at the end of a disk that has changed, even where that is not any more
	startDaemon(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			d := store.make(t, "32M")
			log := kernelLog(t)
			load := startFio(t, "--name=load", "--filename="+d.node, "--rw=randrw", "--bs=4k", "--size=8M", "--iodepth=8", "--verify=crc32c")
			for _, size := range []string{"64M", "256M", "48M", "128M"} {
				require.Contains(t, d.set(t, "size="+size), "Parameter size is now")
				d.rescan(t)
				awaitProgress(t, []disk{d}, 256)
			}
			load.end()
			require.EqualValues(t, 128*mib, d.size(t))
			require.Contains(t, log(), "Capacity data has changed")
			requireQuiet(t, log())

			random := randomFile(t, 4*mib)
			d.copyTo(t, random, 124*mib) // where the disk has ended last
			want, err := os.ReadFile(random)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, d.content(t, 4*mib, 124*mib)))
		})
	}
}

func TestInitiatorHearsOfANewCapacity(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "32M")
	for _, heard := range []struct {
		setting []string
		sense   string
	}{
		{[]string{"size=64M"}, "Capacity data has changed"},
		{[]string{"attribute", "write_protect=1"}, "Mode parameters changed"},
		{[]string{"attribute", "max_unmap_lba_count=64"}, "Inquiry data has changed"},
	} {
		d.set(t, heard.setting...)
		o := run(t, "sg_requests", d.generic)
		require.Contains(t, o.stdout+o.stderr, heard.sense)
		require.NotContains(t, run(t, "sg_requests", d.generic).stdout, "changed", "told once")
	}
	require.Contains(t, must(t, "sg_vpd", "--page=bl", d.generic), "Maximum unmap LBA count: 64")
}

func TestSizeThatCannotBeIsRefused(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "32M")
	for size, why := range map[string]string{"1000": "not a multiple of the block size 512", "1024P": "disk0.img"} {
		o := run(t, "tcmuctl", d.object.Path, "set", "size="+size)
		require.Equal(t, 1, o.status)
		require.Contains(t, o.stderr, why)
		require.Contains(t, must(t, "tcmuctl", d.object.Path, "get", "size"), "size=33554432")
	}
	// What a script asks for without making the file longer is not followed: the disk stays as it is, and serves.
	dir := filepath.Join(configfs, "core/user_"+strconv.Itoa(d.object.Properties.HBA), d.object.Name)
	write(t, filepath.Join(dir, "attrib/dev_size"), "67108864")
	eventually(t, "the daemon says why not", func() bool {
		return strings.Contains(devices(t), "enlarge it with")
	})
	d.rescan(t)
	require.EqualValues(t, 32*mib, d.size(t))
	write(t, filepath.Join(dir, "attrib/dev_size"), "33554432")
}

func TestWriteProtectionComesAndGoes(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "32M")
	random := randomFile(t, mib)
	for range 2 {
		d.set(t, "attribute", "write_protect=1")
		d.rescan(t)
		require.Equal(t, "1", d.sys(t, "ro"))
		require.NotZero(t, run(t, "dd", "if="+random, "of="+d.node, "bs=1M", "oflag=direct", "status=none").status)
		d.set(t, "attribute", "write_protect=0")
		d.rescan(t)
		require.Equal(t, "0", d.sys(t, "ro"))
		d.copyTo(t, random, 0)
	}
}

// The uio device is renamed when the configuration string changes: nothing loses its way by that.
func TestOptionsOutliveTheDaemon(t *testing.T) {
	tcmud := startDaemon(t)
	object := create(t, "ramdisk", "rd0", "32M")
	must(t, "tcmuctl", object.Path, "set", "attribute", "emulate_tpu=0") // nobody uses it yet
	d := attach(t, object)
	require.Equal(t, "0", d.sys(t, "queue/discard_max_bytes"))
	require.Contains(t, run(t, "tcmuctl", object.Path, "set", "attribute", "emulate_tpu=1").stderr, "cannot be changed")
	d.set(t, "attribute", "write_protect=1")
	require.Contains(t, read(t, "/sys/class/uio/uio0/name"), "tcmud/ramdisk;write_protect=1;emulate_tpu=0")

	tcmud.terminate()
	tcmud.start()
	d.rescan(t)
	require.Equal(t, "1", d.sys(t, "ro"))
	require.Equal(t, "0", d.sys(t, "queue/discard_max_bytes"))
	d.set(t, "attribute", "write_protect=0")
	tcmud.kill()
	tcmud.start()
	d.set(t, "size=64M")
	d.rescan(t)
	require.Equal(t, "0", d.sys(t, "ro"))
	require.EqualValues(t, 64*mib, d.size(t))
}

// rtslib writes all attributes again when it restores a configuration, and a shell a line end with each: a change that is
// none has no effect, now or at the next start.
func TestAttributesWrittenAgainChangeNothing(t *testing.T) {
	tcmud := startDaemon(t)
	for _, store := range stores {
		d := store.make(t, "32M")
		d.set(t, "attribute", "write_protect=1")
		d.rescan(t) // which hears of that
		attributes := filepath.Join(configfs, "core/user_"+strconv.Itoa(d.object.Properties.HBA), d.object.Name, "attrib")
		log := kernelLog(t)
		for _, name := range []string{"dev_config", "dev_size", "emulate_write_cache", "dev_config"} {
			path := filepath.Join(attributes, name)
			write(t, path, read(t, path)+"\n")
		}
		require.NotContains(t, devices(t), `"error"`)
		d.content(t, mib, 0)
		require.NotContains(t, log(), "changed", "no unit attention")
	}
	tcmud.terminate()
	tcmud.start()
	eventually(t, "both are served again", func() bool { return strings.Count(devices(t), `"state":"serving"`) == 2 })
	require.NotContains(t, devices(t), `"error"`)
}

// loop makes a loop device of a file of n bytes, with further arguments of losetup.
func loop(t *testing.T, n int64, args ...string) (device, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "below")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, n))
	must(t, "modprobe", "loop")
	device = must(t, "losetup", append(args, "--find", "--show", file)...)
	t.Cleanup(func() { must(t, "losetup", "--detach", device) })
	return device, file
}

func TestBlockDevice(t *testing.T) {
	startDaemon(t)
	device, below := loop(t, 32*mib)
	object := create(t, "block", "disk0", device)
	d := attach(t, object)
	require.Regexp(t, `o- disk0 \.+ \[`+device+` \(32\.0MiB\) write-thru activated\]`, must(t, "tcmuctl", "ls"))
	random := randomFile(t, 4*mib)
	d.copyTo(t, random, 8*mib)
	must(t, "sync", below)
	must(t, "cmp", "--bytes=4194304", "--ignore-initial=0:8388608", random, below)

	o := run(t, "tcmuctl", object.Path, "set", "size=64M")
	require.Equal(t, 1, o.status)
	require.Contains(t, o.stderr, device+" has 33554432 bytes: enlarge it first, or ask for less")
	require.NoError(t, os.Truncate(below, 64*mib))
	must(t, "losetup", "--set-capacity", device)
	d.set(t, "size=64M")
	d.rescan(t)
	require.EqualValues(t, 64*mib, d.size(t))
	d.copyTo(t, random, 60*mib)

	o = run(t, "tcmuctl", "/backstores/block", "create", "again", device)
	require.Equal(t, 1, o.status)
	require.Contains(t, o.stderr, device+" is in use")
}

func TestBlockDeviceThatIsReadOnly(t *testing.T) {
	startDaemon(t)
	device, _ := loop(t, 32*mib, "--read-only")
	o := run(t, "tcmuctl", "/backstores/block", "create", "disk0", device, "readonly=false")
	require.Equal(t, 1, o.status)
	require.Contains(t, o.stderr, "cannot be opened for writing")
	d := attach(t, create(t, "block", "disk0", device))
	require.Regexp(t, `o- disk0 \.+ \[`+device+` \(32\.0MiB\) ro write-thru activated\]`, must(t, "tcmuctl", "ls"))
	require.Equal(t, "1", d.sys(t, "ro"))
	require.Len(t, d.content(t, mib, 0), mib)
}
