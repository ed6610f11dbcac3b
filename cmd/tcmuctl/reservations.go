package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

var reservationsCommand = command{
	name: "reservations", help: "show who has registered and reserved, and what initiators are still to be told",
	run: showReservations,
}

func showReservations(ctx context.Context, at *node, _ args) (result, error) {
	o := at.object.(object)
	if !o.engine() {
		kept, err := o.kernelReservations()
		return result{kept.text(), kept}, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := at.session.daemon.Reservations(ctx, o.HBA, o.Name)
	if err != nil {
		return result{}, err
	}
	return result{reservationsText(r), r}, nil
}

// reservationsText is what tcmud says of reservations, for people.
func reservationsText(r control.Reservations) string {
	parts := []string{align("", [][2]string{
		{"reservation:", reservationWords(r)},
		{"generation:", fmt.Sprint(r.Generation)},
		{"APTPL:", map[bool]string{true: "yes", false: "no"}[r.APTPL]},
	})}
	if len(r.Registrations) > 0 {
		t := newTable(5, "REGISTERED", "PORT", "KEY", "HOLDER", "")
		for _, g := range r.Registrations {
			t.AppendRow(table.Row{g.Initiator, g.Port, g.Key, mark(g.Holder, "holder"), mark(g.AllPorts, "all ports")})
		}
		parts = append(parts, t.Render())
	}
	if len(r.Nexuses) > 0 {
		t := newTable(4, "NEXUS", "INITIATOR", "PORT", "UNIT ATTENTIONS", "CONFLICTS")
		for _, n := range r.Nexuses {
			t.AppendRow(table.Row{n.Name, n.Initiator, n.Port, orDash(strings.Join(n.Pending, ", ")), n.Conflicts})
		}
		parts = append(parts, t.Render())
	}
	return strings.Join(parts, "\n\n")
}

// reservationWords is the reservation, of either sort.
func reservationWords(r control.Reservations) string {
	switch {
	case r.Type != "":
		return r.Type + " (" + r.Scope + ")"
	case r.Reserved != "":
		return "by RESERVE, of " + r.Reserved
	}
	return "none"
}

// kernelReservations are the kernel's words about reservations that it keeps, line by line, by the names of the files that
// they are in.
type kernelReservations map[string][]string

func (o object) kernelReservations() (kernelReservations, error) {
	files, err := o.Reservations()
	kept := kernelReservations{}
	for _, f := range files {
		if !f.Writable && f.Value != "" {
			kept[f.Name] = strings.Split(f.Value, "\n")
		}
	}
	return kept, err
}

// text is what the kernel says, for people.
func (k kernelReservations) text() string {
	var rows [][2]string
	for _, name := range slices.Sorted(maps.Keys(k)) {
		label := name + ":"
		for _, line := range k[name] {
			rows = append(rows, [2]string{label, line})
			label = ""
		}
	}
	return align("", rows)
}

// objectDetails are the reservations of a storage object that the kernel keeps.
func objectDetails(at *node) (map[string]any, error) {
	o := at.object.(object)
	details := map[string]any{}
	if o.engine() || o.sort == nexusSort {
		return details, nil
	}
	kept, err := o.kernelReservations()
	for name, lines := range kept {
		details[name] = lines
	}
	return details, err
}
