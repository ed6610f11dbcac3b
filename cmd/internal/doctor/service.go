package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
)

func daemon(ctx context.Context, h Host) ([]Finding, error) {
	version, err := h.Daemon.Version(ctx)
	var down *control.NotRunningError
	switch {
	case errors.As(err, &down):
		return []Finding{problem("systemctl start tcmud, or run tcmud as root", "tcmud does not run (nobody answers at %s)", down.Path)}, nil
	case err != nil:
		return nil, err
	}
	return ok("tcmud %s answers", version), nil
}

// runner is the daemon of the TCMU project itself, under the name the kernel knows it by.
const runner = "tcmu-runner"

func otherDaemons(_ context.Context, h Host) ([]Finding, error) {
	all, err := h.processes()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.name == runner {
			return []Finding{note("%s runs (process %d): it serves devices of its own, and tcmud's are none of them", runner, p.pid)}, nil
		}
	}
	return ok("none"), nil
}

// answer is where the kernel waits for a daemon's consent, without a limit and beyond the reach of any signal.
const answer = "tcmu_netlink_event_send"

// netlink looks for what a daemon leaves behind that had made the kernel wait for its consent and is gone: processes that
// wait for it for good, and devices that show that the next ones will.
func netlink(_ context.Context, h Host) ([]Finding, error) {
	all, err := h.processes()
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, p := range all {
		if p.name == runner {
			return ok("%s answers", runner), nil
		}
		if p.waitsIn(answer) {
			f := problem(unblock, "process %d (%s) waits for the answer of a daemon that is gone, and cannot be killed", p.pid, p.name)
			f.mend, f.contagious = h.release, true
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return found, nil // to read an attribute of the device would wait as well
	}
	if b, err := os.ReadFile(h.path(parameters, "block_netlink")); err == nil && strings.TrimSpace(string(b)) == "blocked" {
		found = append(found, problem(unblock, "a daemon that is gone has stopped the kernel's questions to daemons: what would be asked about fails with EAGAIN").by(h.release))
	}
	objects, err := h.Root.StorageObjects()
	if err != nil {
		return found, err
	}
	for _, so := range objects {
		if so.Plugin != "user" {
			continue
		}
		if v, err := so.Attribute("nl_reply_supported"); err == nil && v == "1" {
			found = append(found, problem(unblock, "the kernel waits for a daemon's answer before it removes %s, and no daemon answers: making and removing devices hangs", so.Path()).
				by(func() error { return errors.Join(h.release(), so.SetAttribute("nl_reply_supported", "-1")) }))
		}
	}
	return found, nil
}

// unblock ends the waiting, and keeps it from beginning anew while that is done.
const unblock = "in /" + parameters + " write 1 to block_netlink, 1 to reset_netlink, 0 to block_netlink"

const parameters = "sys/module/target_core_user/parameters"

// release ends the waiting for answers, and makes the kernel wait for none any more.
func (h Host) release() error {
	for _, step := range []struct{ file, value string }{{"block_netlink", "1"}, {"reset_netlink", "1"}, {"block_netlink", "0"}} {
		if err := os.WriteFile(h.path(parameters, step.file), []byte(step.value), 0o200); err != nil {
			return err
		}
	}
	return h.Mute()
}

// broken is what the kernel logs when it gives up a ring. It does not say which one, and nothing else says so at all.
const broken = "ring is broken"

// rings looks in the kernel's log for a ring that it has given up since tcmud was started, which repairs them.
func rings(_ context.Context, h Host) ([]Finding, error) {
	lines, err := h.kernelLog()
	if errors.Is(err, os.ErrPermission) {
		return []Finding{note("only root may read the kernel's log")}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := h.processes()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.name != "tcmud" {
			continue
		}
		for _, l := range lines {
			if l.at >= p.start && strings.Contains(l.text, broken) {
				return []Finding{problem("systemctl restart tcmud: it resets the rings, and initiators try again",
					"the kernel has given up a ring %v after boot (%q): I/O to its device fails", l.at, l.text)}, nil
			}
		}
	}
	return nil, nil
}

// devices looks for those of ours that nobody serves, and for those that answer BUSY to all.
func devices(ctx context.Context, h Host) ([]Finding, error) {
	served, err := h.Daemon.Devices(ctx)
	answered := err == nil // else the check of the daemon says why
	state := map[uint64]control.Device{}
	for _, d := range served {
		state[d.Incarnation] = d
	}
	objects, err := h.Root.StorageObjects()
	if err != nil {
		return nil, err
	}
	var found []Finding
	count := 0
	for _, so := range objects {
		config, err := so.Config()
		if err != nil || !strings.HasPrefix(config, backend.Prefix) {
			continue
		}
		count++
		born, err := so.Incarnation()
		if err != nil {
			continue // it has gone
		}
		switch d := state[born]; {
		case d.State == control.Failed:
			found = append(found, problem("see to it: tcmud looks again every 5 seconds. If that does not help: systemctl restart tcmud", "%s cannot be served: %s", so.Name, d.Error))
		case d.State == "" && answered:
			found = append(found, problem("its log says why; systemctl restart tcmud makes it look anew", "%s is not served by tcmud", so.Name))
		case d.State == control.Serving && d.Error != "":
			found = append(found, problem("see to it, then: systemctl restart tcmud", "%s: %s", so.Name, d.Error))
		case d.Counters.Overdue > 0:
			found = append(found, problem("tcmud's log says which, and where they wait; see to what the disk is made of",
				"%s: %d commands have taken 15 seconds or longer", so.Name, d.Counters.Overdue))
		case stopped(so.Path()):
			found = append(found, problem(fmt.Sprintf("echo 0 > %s/action/block_dev", so.Path()), "%s is blocked: all commands end with BUSY", so.Name).
				by(func() error { return so.BlockDev(false) }))
		}
	}
	if len(found) == 0 {
		return ok("%d of tcmud's", count), nil
	}
	return found, nil
}

// stopped reports whether somebody has stopped the flow of commands to a device.
func stopped(dir string) bool {
	b, err := os.ReadFile(dir + "/action/block_dev")
	return err == nil && strings.TrimSpace(string(b)) == "blocked"
}
