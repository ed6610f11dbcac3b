package sbc

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

//go:generate go test . -update

var update = flag.Bool("update", false, "write docs/commands.md and docs/conformance.md instead of comparing with them")

const commandsDocument = "../docs/commands.md"

// TestCommandsDocument holds docs/commands.md to the tables.
func TestCommandsDocument(t *testing.T) {
	want := document(t)
	if *update {
		require.NoError(t, os.WriteFile(commandsDocument, []byte(want), 0o644))
		return
	}
	have, err := os.ReadFile(commandsDocument)
	require.NoError(t, err, "run \"make docs\"")
	require.Equal(t, want, string(have), "docs/commands.md is not what the tables say: run \"make docs\", and look at what has changed")
}

// cached is a store with all that a disk can be made of: it discards, and it has a volatile cache.
type cached struct{ *backend.Null }

func (cached) Traits() backend.Traits { return backend.Traits{Volatile: true} }

const introduction = `<!-- Made from the tables by "make docs". -->
# Commands

What a thin disk with a write cache and a removable medium answers, that knows its ports, keeps reservations and access
states itself, and has a place to keep things. Where the kernel keeps them, there are no commands to change them. A disk whose
store cannot free space has no UNMAP, no UNMAP bit in WRITE SAME, and of SANITIZE only OVERWRITE; one whose medium
stays has no PREVENT ALLOW MEDIUM REMOVAL, and no LOEJ in START STOP UNIT. Any other operation code ends in ILLEGAL REQUEST,
INVALID COMMAND OPERATION CODE (05/20/00), and a CDB with a bit set that is in no field listed here in INVALID FIELD IN CDB
(05/24/00) with a pointer to the bit.

*Reservations* is what a command is to the reservations of other initiators: *always* allowed, *reads*, *writes*, or
*starts* (allowed when it starts the unit, else as *writes*), *prevents* (allowed when it prevents nothing, else as
*writes*). *Not when*: the command is refused while a *unit attention*
is pending, while there is *no medium*, while the unit is *stopped*, while it is *write protected*. *Ports* are those that let
it through beside active ones: ports on *standby*, or of *any* asymmetric access state.

`

func document(t *testing.T) string {
	d, err := New(Config{
		Store: cached{backend.NewNull(1 << 30)}, Removable: true, State: spc.OpenState(""),
		Identity: func() spc.Identity { return spc.Identity{} }, Ports: func() []spc.PortGroup { return nil }, Reservations: true,
	})
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("| Code | Command | Clause | Bytes | Fields | Accepted, and ignored | Data | Reservations | Not when | Ports |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, op := range d.Ops() {
		evaluated, ignored := fields(op)
		row(&b, code(op), op.Name, op.Spec, op.Len, evaluated, ignored, data(op.Xfer), op.Access, refused(op.Flags), ports(op.Flags))
	}
	b.WriteString("\n## Vital product data pages\n\n| Page | Name | Clause |\n|---|---|---|\n")
	for _, p := range d.primary.VPDPages() {
		row(&b, fmt.Sprintf("%02Xh", p.Code), p.Name, p.Spec)
	}
	b.WriteString("\n## Mode pages\n\nBits that MODE SELECT may change, by byte; all others keep their values.\n\n")
	b.WriteString("| Page | Name | Clause | Changeable |\n|---|---|---|---|\n")
	for _, p := range d.primary.ModePages() {
		row(&b, page(p.Code, p.Sub), p.Name, p.Spec, changeable(p))
	}
	b.WriteString("\n## Log pages\n\nBeside page 00h, and subpage FFh of each, which list them. What can be set and reset is so by LOG SELECT.\n\n")
	b.WriteString("| Page | Name | Clause | Parameters | Can be set | Reset | Saved |\n|---|---|---|---|---|---|---|\n")
	for _, p := range d.primary.LogPages() {
		all, settable := parameters(p)
		row(&b, page(p.Code, p.Sub), p.Name, p.Spec, all, settable, yes(p.Reset != nil), yes(p.Saved))
	}
	return b.String()
}

func page(code, sub byte) string {
	if sub != 0 {
		return fmt.Sprintf("%02Xh/%02Xh", code, sub)
	}
	return fmt.Sprintf("%02Xh", code)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// parameters lists the codes of the parameters that follow each other, and how many of them LOG SELECT may set.
func parameters(p spc.LogPage) (all, settable string) {
	list, n := p.Parameters(), 0
	for _, l := range list {
		if l.Changeable {
			n++
		}
	}
	if n > 0 {
		settable = fmt.Sprint(n)
	}
	if len(list) == 1 {
		return fmt.Sprintf("%04Xh", list[0].Code), settable
	}
	return fmt.Sprintf("%04Xh to %04Xh", list[0].Code, list[len(list)-1].Code), settable
}

func row(b *strings.Builder, cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(b, "| %v ", c)
	}
	b.WriteString("|\n")
}

func code(op scsi.Op) string {
	if v, ok := op.SA.Value(); ok {
		return fmt.Sprintf("%02Xh/%02Xh", uint8(op.Code), v)
	}
	return fmt.Sprintf("%02Xh", uint8(op.Code))
}

// fields lists the fields that are evaluated, and those that are not with the reasons.
func fields(op scsi.Op) (evaluated, ignored string) {
	var yes, no []string
	for _, f := range op.Fields {
		if f.Ignored == "" {
			yes = append(yes, f.Name)
		} else {
			no = append(no, f.Name+": "+f.Ignored)
		}
	}
	return strings.Join(yes, ", "), strings.Join(no, "; ")
}

func data(x scsi.Transfer) string {
	if x.Dir == scsi.NoData {
		return ""
	}
	rules := map[scsi.Rule]string{scsi.Allocation: ", cut to the allocation length", scsi.ParameterList: ", a parameter list", scsi.Blocks: ", blocks"}
	return x.Dir.String() + rules[x.Rule]
}

func refused(f scsi.Flags) string {
	var when []string
	if f&scsi.BypassAttention == 0 {
		when = append(when, "unit attention")
	}
	if f&scsi.NeedsMedium != 0 {
		when = append(when, "no medium")
	}
	if f&scsi.NeedsStart != 0 {
		when = append(when, "stopped")
	}
	if f&scsi.AltersMedium != 0 {
		when = append(when, "write protected")
	}
	return strings.Join(when, ", ")
}

func ports(f scsi.Flags) string {
	switch {
	case f&(scsi.OnUnavailable|scsi.BypassAttention) != 0:
		return "any"
	case f&scsi.OnStandby != 0:
		return "standby"
	}
	return ""
}

// changeable lists the bytes of a page that have changeable bits, and these.
func changeable(p spc.ModePage) string {
	head := 2
	if p.Sub != 0 {
		head = 4
	}
	var bytes []string
	for at := head; at < len(p.Changeable); at++ {
		first, bits := at, p.Changeable[at]
		for at+1 < len(p.Changeable) && p.Changeable[at+1] == bits {
			at++
		}
		switch {
		case bits == 0:
		case first == at:
			bytes = append(bytes, fmt.Sprintf("byte %d: %02Xh", at, bits))
		default:
			bytes = append(bytes, fmt.Sprintf("bytes %d to %d: %02Xh", first, at, bits))
		}
	}
	return strings.Join(bytes, ", ")
}
