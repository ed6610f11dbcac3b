package vm

import (
	"strconv"
	"strings"
)

// A machine is what QEMU is asked for.
type machine struct {
	image       image
	accel       string
	cpus        int
	memory      int64 // bytes
	input       string
	results     string
	scratch     string // empty: none
	overlay     bool   // scratch is one, of a disk that outlives the run
	console     string // file that takes what the kernel prints
	interactive bool
}

// commandLine is the kernel's. A panic or an oops ends the machine, by a reboot.
// Without no_timer_check the kernel panics on a busy host, for want of timer
// interrupts in time.
const commandLine = "console=ttyS0 panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check log_buf_len=4M"

// base are the arguments that any boot of the kernel has. The processor "max"
// takes bits from the host that KVM may then refuse to set, of which
// arch-capabilities is one.
func base(kernel, accel string, memory int64) []string {
	if accel == tcg {
		accel += ",thread=multi"
	}
	return []string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-machine", "pc,hpet=off", "-accel", accel, "-cpu", "max,arch-capabilities=off",
		"-m", strconv.FormatInt(memory>>20, 10), "-kernel", kernel,
		"-append", commandLine,
	}
}

// args are QEMU's arguments. Disks keep this order in the guest: vda the root
// file system, vdb input, vdc results, vdd scratch. The serial port takes the
// kernel's log. QEMU's stdio is the console hvc0 for a person, or the plain
// port "output", which changes no byte.
func (m machine) args() []string {
	args := append(base(m.image.kernel(), m.accel, m.memory),
		"-initrd", m.image.initrd(), "-smp", strconv.Itoa(m.cpus),
		"-chardev", "file,id=log,path="+escape(m.console), "-serial", "chardev:log",
		"-chardev", "stdio,id=stdio,signal=off", "-device", "virtio-serial-pci",
	)
	if m.interactive {
		args = append(args, "-device", "virtconsole,chardev=stdio")
	} else {
		args = append(args, "-device", "virtserialport,chardev=stdio,name=output")
	}
	args = append(args, disk("root", "raw", m.image.root(), ",snapshot=on")...)
	args = append(args, disk("input", "raw", m.input, ",readonly=on")...)
	args = append(args, disk("results", "raw", m.results, "")...)
	switch {
	case m.overlay:
		args = append(args, disk("scratch", "qcow2", m.scratch, ",discard=unmap")...)
	case m.scratch != "":
		args = append(args, disk("scratch", "raw", m.scratch, ",discard=unmap")...)
	}
	return args
}

// disk is a virtio disk with its name as its serial number. This host outlives
// the run, so it need not write the disk out.
func disk(name, format, file, options string) []string {
	return []string{
		"-drive", "if=none,format=" + format + ",cache=unsafe,id=" + name + ",file=" + escape(file) + options,
		"-device", "virtio-blk-pci,drive=" + name + ",serial=" + name,
	}
}

// escape doubles the commas in a file name, which end an option's value.
func escape(name string) string { return strings.ReplaceAll(name, ",", ",,") }
