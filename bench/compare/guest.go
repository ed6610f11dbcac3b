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

type guestWorkload struct {
	name, dd string
	bytes    float64 // that dd moves
}

// guestWorkloads is what dd does to $disk. In place of fio, which has more libraries than the guest has memory, dd with
// small blocks is the workload of depth 1.
var guestWorkloads = []guestWorkload{
	{"dd write", "if=/dev/zero of=/dev/$disk bs=1M count=10 oflag=direct", 10 << 20},
	{"dd read", "if=/dev/$disk of=/dev/null bs=1M count=10 iflag=direct", 10 << 20},
	{"dd write 4k", "if=/dev/zero of=/dev/$disk bs=4k count=400 oflag=direct", 400 << 12},
	{"dd read 4k", "if=/dev/$disk of=/dev/null bs=4k count=400 iflag=direct", 400 << 12},
}

// guestBegin is the begin of the script. The dd of Debian's busybox tells no time, its shell does, in seconds with a point;
// what dd takes to start is in it, for both disks.
const guestBegin = `
while [ ! -b /dev/sdb ]; do usleep 50000; done
measure() {
	name=$1 model=$(cat /sys/block/$disk/device/model)
	shift
	begin=$EPOCHREALTIME
	dd "$@" 2>/dev/null || name="failed $name"
	echo "bench|$round|$model|$name|$begin|$EPOCHREALTIME"
}
for disk in sda sdb; do dd if=/dev/zero of=/dev/$disk bs=1M count=10 oflag=direct; done
`

// guestEnd is what the script says last.
const guestEnd = "bench|end"

// guestScript measures all workloads on both disks, in turn, as often as there are rounds.
func guestScript(rounds int) string {
	var s strings.Builder
	s.WriteString(guestBegin)
	for round := range rounds {
		fmt.Fprintf(&s, "round=%d\n", round)
		for _, w := range guestWorkloads {
			fmt.Fprintf(&s, "for disk in %s; do measure %q %s; done\n", strings.Join(rotated([]string{"sda", "sdb"}, round), " "), w.name, w.dd)
		}
	}
	fmt.Fprintf(&s, "echo %q\n", guestEnd)
	return s.String()
}

// guestTime is how long a guest may take, which is emulated in a machine that may be emulated too.
const guestTime = 6 * time.Minute

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
	guest := inside.Guest{Dir: dir, Applets: []string{"cat", "dd"}, Script: guestScript(b.rounds)}
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
	for lines := bufio.NewScanner(console); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		seen = append(seen, line)
		if line == guestEnd {
			return nil
		}
		if words := strings.Split(line, "|"); words[0] == "bench" && len(words) == 6 {
			s, err := guestSample(words[1:])
			if err != nil {
				return fmt.Errorf("the guest says %q: %w", line, err)
			}
			note(s)
		}
	}
	return fmt.Errorf("the guest has ended before it was done; its last words: %s", strings.Join(seen[max(0, len(seen)-10):], "; "))
}

// guestSample is what a line tells: round, product, workload, begin and end.
func guestSample(words []string) (s report.Sample, err error) {
	s = report.Sample{Suite: "guest", Fabric: "vhost", Target: guestTargets[strings.TrimSpace(words[1])], Workload: words[2]}
	if s.Target == "" {
		return s, errors.New("nobody gave it such a disk")
	}
	at := slices.IndexFunc(guestWorkloads, func(w guestWorkload) bool { return w.name == s.Workload })
	if at < 0 {
		return s, errors.New("dd has failed")
	}
	if s.Round, err = strconv.Atoi(words[0]); err != nil {
		return s, err
	}
	begin, err1 := strconv.ParseFloat(words[3], 64)
	end, err2 := strconv.ParseFloat(words[4], 64)
	if err := errors.Join(err1, err2); err != nil {
		return s, err
	}
	if end <= begin {
		return s, errors.New("its clock stands still")
	}
	rate := guestWorkloads[at].bytes / (end - begin)
	s.Values = map[string]float64{"MB/s": rate / 1e6}
	if strings.HasSuffix(s.Workload, " 4k") {
		s.Values["IOPS"] = rate / 4096
	}
	return s, nil
}
