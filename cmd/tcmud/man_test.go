package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/man"
	"github.com/tcmud/tcmud/cmd/internal/man/mantest"
)

//go:generate go test . -run ^TestManualPage$ -update

// TestManualPage holds docs/man/tcmud.8 to the options.
func TestManualPage(t *testing.T) {
	mantest.Hold(t, "../../docs/man/tcmud.8", manual(t))
}

func manual(t *testing.T) string {
	o, flags, err := parse(nil)
	require.NoError(t, err)
	p := man.New("tcmud", "serve disks to the kernel's SCSI target from userspace")
	p.Section("synopsis")
	p.Synopsis("tcmud", "[OPTIONS]")
	p.Section("description")
	_, description, _ := strings.Cut(usage, "\n\n")
	p.Text(strings.TrimSuffix(strings.TrimSpace(description), "\n\nOptions:"))
	p.Section("options")
	p.Options(flags)
	p.Section("signals")
	p.Item("SIGTERM, SIGINT", "finish what is in flight, leave the devices in place, and end")
	p.Section("upgrade")
	p.Text("A new version takes the place of the one that runs without an error to initiators: they see a pause. The process stays, " +
		"what is in flight is finished, and what comes meanwhile waits in the kernel. Options are those given with --replace. " +
		"Where the new one cannot be run, the old goes on.")
	p.Example("# install tcmud /usr/sbin/tcmud\n# systemctl reload tcmud      (or, without systemd: tcmud --replace)")
	p.Section("exit status")
	p.Text("0 after SIGTERM or SIGINT; 1 when it cannot run, with one line on standard error; 2 when an option is wrong.")
	p.Section("files")
	p.Item(o.socket, "where tcmuctl(8) asks; only root may")
	p.Item(o.memory, "the contents of ramdisks, which outlive the daemon")
	p.Item(o.state, "what one run tells the next")
	p.Item(o.data, "what outlives a reboot")
	p.Section("examples")
	p.Text("As a service, and by hand with more in the log:")
	p.Example("# systemctl start tcmud\n# tcmud --log-level DEBUG")
	p.SeeAlso("tcmuctl(8)", "targetcli(8)")
	return p.String()
}
