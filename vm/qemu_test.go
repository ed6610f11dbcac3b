package vm

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testMachine() machine {
	return machine{
		image: image{"/cache/image"}, accel: tcg, cpus: 2, memory: 3 << 30,
		input: "/tmp/input", results: "/tmp/results", console: "/tmp/console",
	}
}

// values are those of an option that may be given several times.
func values(args []string, option string) []string {
	var found []string
	for i, arg := range args[:len(args)-1] {
		if arg == option {
			found = append(found, args[i+1])
		}
	}
	return found
}

func TestArgs(t *testing.T) {
	args := testMachine().args()
	require.Equal(t, []string{"tcg,thread=multi"}, values(args, "-accel"))
	require.Equal(t, []string{"2"}, values(args, "-smp"))
	require.Equal(t, []string{"3072"}, values(args, "-m"))
	require.Equal(t, []string{"/cache/image/vmlinuz"}, values(args, "-kernel"))
	require.Equal(t, []string{"/cache/image/initrd"}, values(args, "-initrd"))
	require.Equal(t, []string{
		"if=none,format=raw,cache=unsafe,id=root,file=/cache/image/root.ext4,snapshot=on",
		"if=none,format=raw,cache=unsafe,id=input,file=/tmp/input,readonly=on",
		"if=none,format=raw,cache=unsafe,id=results,file=/tmp/results",
	}, values(args, "-drive"), "the order is the guest's vda, vdb, vdc")
	require.Contains(t, values(args, "-device"), "virtserialport,chardev=stdio,name=output")
}

func TestArgsWithKVM(t *testing.T) {
	m := testMachine()
	m.accel = kvm
	require.Equal(t, []string{"kvm"}, values(m.args(), "-accel"))
}

func TestArgsWithAScratchDisk(t *testing.T) {
	m := testMachine()
	m.scratch = "/tmp/scratch"
	drives := values(m.args(), "-drive")
	require.Equal(t, "if=none,format=raw,cache=unsafe,id=scratch,file=/tmp/scratch,discard=unmap", drives[len(drives)-1])
	require.Contains(t, values(m.args(), "-device"), "virtio-blk-pci,drive=scratch,serial=scratch")
}

func TestArgsWithADiskThatOutlivesTheRun(t *testing.T) {
	m := testMachine()
	m.scratch, m.overlay = "/tmp/scratch", true
	drives := values(m.args(), "-drive")
	require.Equal(t, "if=none,format=qcow2,cache=unsafe,id=scratch,file=/tmp/scratch,discard=unmap", drives[len(drives)-1])
}

func TestArgsForATerminal(t *testing.T) {
	m := testMachine()
	m.interactive = true
	devices := values(m.args(), "-device")
	require.Contains(t, devices, "virtconsole,chardev=stdio")
	require.False(t, slices.ContainsFunc(devices, func(d string) bool { return strings.HasPrefix(d, "virtserialport") }))
}

func TestArgsEscapeCommasInPaths(t *testing.T) {
	m := testMachine()
	m.input = "/tmp/a,b/input"
	require.Contains(t, values(m.args(), "-drive"), "if=none,format=raw,cache=unsafe,id=input,file=/tmp/a,,b/input,readonly=on")
}
