//go:build guest

package guest

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mib is a megabyte of 1024 kilobytes.
const mib = 1 << 20

// view is what tcmuctl --json tells of a part of the tree.
type view struct {
	Name       string `json:"name"`
	Path       string `json:"path"`
	Properties struct {
		Disk    string `json:"disk"`
		Generic string `json:"generic"`
		Config  string `json:"config"`
		Serial  string `json:"wwn"`
		HBA     int    `json:"hba"`
	} `json:"properties"`
}

// tcmuctl runs a command that has to succeed and to print a view.
func tcmuctl(t *testing.T, args ...string) view {
	t.Helper()
	var v view
	out := must(t, "tcmuctl", append([]string{"--json"}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(out), &v), out)
	return v
}

// create makes a backstore that goes with the test.
func create(t *testing.T, sort string, args ...string) view {
	t.Helper()
	dir := "/backstores/" + sort
	v := tcmuctl(t, append([]string{dir, "create"}, args...)...)
	t.Cleanup(func() { must(t, "tcmuctl", dir, "delete", v.Name) })
	return v
}

// disk is a LUN on this machine.
type disk struct {
	object  view
	node    string // "/dev/sda"
	generic string // "/dev/sg0"
	target  string // path of the target: "/loopback/naa.50014..."
}

// attach makes a LUN of a backstore, on a target of its own that goes with the
// test.
func attach(t *testing.T, object view) disk {
	t.Helper()
	target := tcmuctl(t, "/loopback", "create")
	t.Cleanup(func() { must(t, "tcmuctl", "/loopback", "delete", target.Name) })
	lun := tcmuctl(t, target.Path+"/luns", "create", object.Path)
	require.NotEmpty(t, lun.Properties.Disk)
	must(t, "udevadm", "settle") // udev's own reads of a new disk come first
	return disk{object, lun.Properties.Disk, lun.Properties.Generic, target.Path}
}

// newRamdisk makes a ramdisk, named rd0, and a disk of it.
func newRamdisk(t *testing.T, size string, args ...string) disk {
	t.Helper()
	return attach(t, create(t, "ramdisk", append([]string{"rd0", size}, args...)...))
}

// newFile makes a file on the scratch disk, a fileio of it named disk0, and a
// disk of that.
func newFile(t *testing.T, size string, args ...string) disk {
	return newFileNamed(t, "disk0", size, args...)
}

// newDirectFile is another, named direct0, which is read and written past the page cache.
func newDirectFile(t *testing.T, size string) disk {
	return newFileNamed(t, "direct0", size, "direct=1")
}

func newFileNamed(t *testing.T, name, size string, args ...string) disk {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".img")
	return attach(t, create(t, "fileio", append([]string{name, file, size}, args...)...))
}

// stores are the stores that hold data, and how to make a disk of each.
var stores = []struct {
	name string
	make func(t *testing.T, size string, args ...string) disk
}{{"ramdisk", newRamdisk}, {"fileio", newFile}}

// sys returns the value of a file that the kernel has for the disk; the first
// that matches a pattern.
func (d disk) sys(t *testing.T, file string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("/sys/block", filepath.Base(d.node), file))
	require.NoError(t, err)
	require.NotEmpty(t, found, file)
	return read(t, found[0])
}

// content reads n bytes at offset of the disk, past the page cache.
func (d disk) content(t *testing.T, n, offset int64) []byte {
	t.Helper()
	must(t, "blockdev", "--flushbufs", d.node)
	f, err := os.Open(d.node)
	require.NoError(t, err)
	defer f.Close()
	p := make([]byte, n)
	_, err = f.ReadAt(p, offset)
	require.NoError(t, err)
	return p
}

// randomFile makes a file of n bytes that nothing else has.
func randomFile(t *testing.T, n int) string {
	t.Helper()
	p := make([]byte, n)
	_, err := rand.Read(p)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "random")
	require.NoError(t, os.WriteFile(path, p, 0o600))
	return path
}
