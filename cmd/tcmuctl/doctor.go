package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/doctor"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/tcmu"
)

var doctorCommand = command{
	name: "doctor", help: "look for what is missing or in the way on this host, and say what to do about it",
	params: []param{{name: "fix", help: "true: do what of it can be done without harm", is: boolean, keyword: true}},
	run: func(ctx context.Context, at *node, a args) (result, error) {
		look := at.session.patient().Examine
		if a.boolean("fix", false) {
			look = at.session.patient().Treat
		}
		found := diagnosis(look(ctx))
		return result{found.String(), found}, nil
	},
}

// patient is the host that the session works on, as it is.
func (s *session) patient() doctor.Host {
	return doctor.Host{
		Root:     s.host,
		Daemon:   s.daemon,
		UID:      os.Geteuid(),
		Patience: time.Second,
		Loadable: lio.Loadable,
		Prepare:  func() error { _, err := s.tree(); return err },
		Mute:     tcmu.EndReplies,
	}
}

// diagnosis is all that was found.
type diagnosis []doctor.Finding

// failure is that there are problems still.
func (d diagnosis) failure() error {
	n := 0
	for _, f := range d {
		if f.State == doctor.Problem {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 problem: the arrow points to what to do about it")
	}
	return fmt.Errorf("%d problems: the arrows point to what to do about them", n)
}

// String is a line for each finding, and under each problem what to do about it.
func (d diagnosis) String() string {
	var b strings.Builder
	mendable := false
	for _, f := range d {
		fmt.Fprintf(&b, "%-8s %-14s %s\n", f.State, f.Check, f.Text)
		if f.Remedy != "" && f.State != doctor.Mended {
			fmt.Fprintf(&b, "%-8s %-14s -> %s\n", "", "", f.Remedy)
			mendable = mendable || f.Mendable()
		}
	}
	if mendable {
		b.WriteString("\n\"tcmuctl doctor --fix\" does what of this can be done without harm.\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
