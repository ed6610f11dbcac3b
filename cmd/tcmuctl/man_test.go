package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/man"
	"github.com/tcmud/tcmud/cmd/internal/man/mantest"
)

//go:generate go test . -run ^TestManualPage$ -update

// TestManualPage holds docs/man/tcmuctl.8 to the tables.
func TestManualPage(t *testing.T) {
	mantest.Hold(t, "../../docs/man/tcmuctl.8", manual(t))
}

func manual(t *testing.T) string {
	_, flags, err := parseFlags(nil)
	require.NoError(t, err)
	p := man.New("tcmuctl", "make disks that tcmud serves, and export them")
	p.Section("synopsis")
	p.Synopsis("tcmuctl", "[OPTIONS] [PATH] COMMAND [ARGS]")
	p.Synopsis("tcmuctl", "[OPTIONS]")
	p.Section("description")
	p.Text(manualDescription)
	p.Section("options")
	p.Options(flags)
	p.Section("commands everywhere")
	for _, topic := range topicsEverywhere() {
		describe(p, topic)
	}
	p.Section("commands and settings by path")
	p.Text("Capitals stand for names.")
	for _, s := range sections(rootKind.topics("/")) {
		p.Subsection(strings.Join(s.paths, ", "))
		for _, topic := range s.topics {
			describe(p, topic)
		}
	}
	p.Section("exit status")
	p.Text("0 when all went well; else 1, with one line on standard error that says what to do about it.")
	p.Section("files")
	p.Item("/sys/kernel/config/target", "the configuration of the kernel's target: what exists is what stands there")
	p.Item("/run/tcmud/tcmud.sock", "where tcmud is asked how it gets on")
	p.Item("/etc/rtslib-fb-target/saveconfig.json", "the saved configuration, which targetcli and tcmuctl share")
	p.Item("~/.local/state/tcmuctl/history", "lines typed into the shell, but those with a password")
	p.Section("environment")
	p.Item("NO_COLOR", "if not empty: no colours")
	p.Item("TERM", "what the terminal can do; dumb: no colours, and no editing of lines")
	p.Item("XDG_STATE_HOME", "where the history is kept, instead of in ~/.local/state")
	p.Section("examples")
	p.Text("A disk in memory becomes a disk of this host:")
	p.Example(`
# tcmuctl /backstores/ramdisk create rd0 1G
# tcmuctl /loopback create naa.5001405c81b9d906
# tcmuctl /loopback/naa.5001405c81b9d906/luns create /backstores/ramdisk/rd0`)
	p.Text("The same, for whoever keeps what is typed in a file:")
	p.Example("# tcmuctl < disks")
	p.Text("Command lines are completed in bash from now on:")
	p.Example(`$ eval "$(tcmuctl completion bash)"`)
	p.SeeAlso("tcmud(8)", "targetcli(8)", "targetctl(8)")
	return p.String()
}

func describe(p *man.Page, t topic) {
	p.Item(t.Usage, t.Help)
	if len(t.Params) == 0 {
		return
	}
	end := p.Below()
	for _, param := range t.Params {
		p.Item(param.Name, param.Help)
	}
	end()
}

const manualDescription = `
tcmuctl shows and changes the configuration of the kernel's SCSI target (LIO) as a tree, in the grammar of targetcli: a
path, a command, and its arguments, by position or as name=value. A line without a path is said to the place where one
is; a path without a command goes there. A path whose last part is * stands for all that is below.

Without a command, tcmuctl is a shell when somebody types: the tab key completes, the arrow keys go through the history,
Ctrl-C gives up a line or ends a command, and exit leaves. When its input is a file or a pipe, each line is a command;
it ends at the first that fails. What follows a # is a comment, and quotes keep words together, as in sh(1).

What tcmuctl makes, targetcli and scripts can see, change and remove, and the reverse: what exists is what the kernel says.
Backstores below /backstores are disks that tcmud(8) serves; those that other programs or the kernel serve are shown
too, and can be exported.

Persistent reservations are the kernel's affair, unless a backstore is made with reservations=engine. tcmud then keeps
them, and the access states of target port groups, and has to know who has sent a command. So each initiator that sees
the backstore is given a device of its own, an I_T nexus, which comes and goes with the LUN or mapped LUN, and stands below
the backstore in the tree. Initiators need a node ACL then. To targetcli such a device is one as any other, and the LUN
numbers from 16384 on are theirs.
`
