package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcmud/tcmud/bench/report"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// guestTargets are what the guest has for disks, by how they name themselves there: the product that INQUIRY tells has
// room for 16 characters.
var guestTargets = map[string]string{"RAMDISK-MCP": "rd_mcp", "tcmud-ramdisk": "tcmud ramdisk"}

// guestDDs are what dd does to $disk, by the names of the workloads.
var guestDDs = []struct{ name, args string }{
	{"dd write", "if=/dev/zero of=/dev/$disk bs=1M count=10 oflag=dsync,direct"},
	{"dd read", "if=/dev/$disk of=/dev/null bs=1M count=10 iflag=direct"},
}

// guestFios are the workloads that fio does there. They are few: it takes such a guest ten seconds to start it.
var guestFios = []string{"randread 4k depth 1", "randwrite 4k depth 1", "randread 4k depth 32", "write 1M depth 4"}

// guestPrograms are in the guest from this machine. busybox has a dd, which knows no dsync, and prefers it unless told /bin/dd.
var guestPrograms = []string{"dd", "fio"}

// guestBegin is the begin of the script. What a program says is for one line, and as short as may be: a console is slow.
const guestBegin = `
while [ ! -b /dev/sdb ]; do usleep 50000; done
tell() {
	echo "bench|$round|$(cat /sys/block/$disk/device/model)|$*"
}
with_dd() {
	name=$1
	shift
	/bin/dd "$@" 2>/said || { name="failed $name" && cat /said; }
	tell "$name|dd|$(tail -n 1 /said)"
}
with_fio() {
	name=$1
	shift
	fio "$@" >/said 2>/wrong || { name="failed $name" && cat /wrong; }
	tell "$name|fio|$(tr -d ' \n' </said)"
}
for disk in sda sdb; do dd if=/dev/zero of=/dev/$disk bs=1M count=10 oflag=direct; done
`

// guestEnd is what the script says last.
const guestEnd = "bench|end"

// guestScript measures all workloads on both disks, in turn, as often as there are rounds.
func (o options) guestScript() string {
	o.time *= 4 // a hundred commands in a second would be too few to tell anything
	var s strings.Builder
	s.WriteString(guestBegin)
	for round := range o.rounds {
		fmt.Fprintf(&s, "round=%d\n", round)
		each := "for disk in " + strings.Join(rotated([]string{"sda", "sdb"}, round), " ") + "; do"
		for _, w := range guestDDs {
			fmt.Fprintf(&s, "%s with_dd %q %s; done\n", each, w.name, w.args)
		}
		for _, name := range guestFios {
			fmt.Fprintf(&s, "%s with_fio %q %s; done\n", each, name, strings.Join(slices.Concat(o.fio("/dev/$disk"), fioArgs(name)), " "))
		}
	}
	fmt.Fprintf(&s, "echo %q\n", guestEnd)
	return s.String()
}

// guestTime is how long a guest may take, which is emulated in a machine that may be emulated too.
const guestTime = 15 * time.Minute

// guest measures our ramdisk and the kernel's as disks of a guest, by vhost.
func (b *bench) guest(ctx context.Context) (err error) {
	if err := command(ctx, "modprobe", "vhost_scsi"); err != nil {
		return err
	}
	tcmud, err := inside.Tcmud.Start(ctx, b.logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tcmud.End()) }()
	var objects []lio.StorageObject
	defer func() {
		for _, so := range objects {
			err = errors.Join(err, so.Delete())
		}
	}()
	for _, t := range targets {
		if t.name != "rd_mcp" && t.name != "tcmud ramdisk" {
			continue
		}
		d, err := b.make(ctx, t, &servers{tcmud: tcmud})
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		objects = append(objects, d.so)
	}
	vhost, err := b.root.Export(lio.Export{Fabric: "vhost", LUNs: objects})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vhost.Delete()) }()
	return b.boot(ctx, vhost.WWN)
}

// boot runs the guest that measures, and notes what it says.
func (b *bench) boot(ctx context.Context, wwn string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, guestTime)
	defer cancel()
	dir, err := os.MkdirTemp(b.dir, "guest-")
	if err != nil {
		return err
	}
	// fio is linked with a hundred megabytes of libraries, for engines that are not used here.
	guest := inside.Guest{Dir: dir, Applets: []string{"cat", "tail", "tr"}, Programs: guestPrograms, Memory: 640, Script: b.guestScript()}
	qemu, err := guest.Command(ctx, "-device", "vhost-scsi-pci,wwpn="+wwn)
	if err != nil {
		return err
	}
	out, err := qemu.StdoutPipe()
	if err != nil {
		return err
	}
	qemu.Stderr = os.Stderr
	if err := qemu.Start(); err != nil {
		return err
	}
	if err = parseGuest(out, b.note); err != nil {
		cancel()
	}
	_, _ = io.Copy(io.Discard, out) // what a guest says that is about to end
	return errors.Join(err, qemu.Wait())
}

// parseGuest reads what guestScript writes, to its end.
func parseGuest(console io.Reader, note func(report.Sample)) error {
	var seen []string
	lastWords := func() string { return strings.Join(seen[max(0, len(seen)-10):], "; ") }
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20) // fio says all that it knows
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		seen = append(seen, line)
		if line == guestEnd {
			return nil
		}
		if words := strings.Split(line, "|"); words[0] == "bench" && len(words) == 6 {
			s, err := guestSample(words[1:])
			if err != nil {
				return fmt.Errorf("%w: the guest's last words: %s", err, lastWords())
			}
			note(s)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("what the guest says: %w", err)
	}
	return fmt.Errorf("the guest has ended before it was done; its last words: %s", lastWords())
}

// guestSample is what a line tells: round, product, workload, program, and what the program has said.
func guestSample(words []string) (s report.Sample, err error) {
	s = report.Sample{Suite: "guest", Fabric: "vhost", Target: guestTargets[strings.TrimSpace(words[1])], Workload: words[2]}
	if s.Target == "" {
		return s, errors.New("nobody gave it such a disk")
	}
	if strings.HasPrefix(s.Workload, "failed ") {
		return s, errors.New("it has failed")
	}
	if s.Round, err = strconv.Atoi(words[0]); err != nil {
		return s, err
	}
	switch words[3] {
	case "dd":
		s.Values, err = parseDD(words[4])
	case "fio":
		s.Values, err = parseFio([]byte(words[4]))
	default:
		err = fmt.Errorf("nobody knows what %q says", words[3])
	}
	return s, err
}
