package daemon

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/tcmu"
)

// Once tcmu-runner has run, the kernel waits at each change of a device for a daemon's consent; and tcmu-runner refuses
// what it has no handler for, if it is still there at all. tcmuctl makes our devices so that they do not wait
// (nl_reply_supported=-1); targetcli and scripts cannot be told to. To answer before tcmu-runner does fails every third
// time, and to change the device between the steps of its maker, where inotify tells of them, fails on a busy machine.
//
// So the kernel is told that nobody answers (tcmu.EndReplies). That outlives us without harm, and nothing hangs when
// tcmu-runner is killed either; but its own devices are then made without its verdict, as before Linux 4.15. It tells the
// kernel otherwise when it starts, and we find that out from the system bus or, at the latest, here.

// consent lets a device of ours in that waits for somebody's consent all the same. It may be too late; the next will not
// wait.
func (d *Daemon) consent(events *tcmu.Listener, e tcmu.Event) {
	if !d.ours(e.UIO.Config) {
		return
	}
	waited, err := waitForNobody(d.cfg.Root.User(e.UIO.HBA, e.UIO.Name))
	if waited && err == nil {
		err = errors.Join(events.Consent(e), tcmu.EndReplies())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.cfg.Log.Warn("a new device may have been refused by tcmu-runner: create it again if it was", "err", err)
	}
}

// waitForNobody has changes of a device wait for no daemon's consent. It returns whether they did wait.
func waitForNobody(so lio.StorageObject) (waited bool, err error) {
	now, err := so.Attribute("nl_reply_supported")
	if err != nil || strings.HasPrefix(now, "-") {
		return false, err
	}
	return now != "0", so.SetAttribute("nl_reply_supported", "-1")
}
