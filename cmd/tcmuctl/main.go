// Command tcmuctl makes, shows and removes disks that tcmud serves, in the grammar of targetcli:
//
//	tcmuctl [--json] [PATH] COMMAND [ARGS]
//
// What can be said is a tree of tables: each kind of node has its commands, each command its parameters. Parsing, help
// and errors of usage derive from them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], lio.Open, os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit status: 0, or 1 with one line on stderr. open is called when the tree
// is first looked at.
func run(ctx context.Context, argv []string, open func() (lio.Root, error), stdout, stderr io.Writer) int {
	asJSON, s, rest, err := parseFlags(argv, open)
	if err == nil {
		s.width = width(stdout)
		var r result
		if r, err = s.execute(ctx, rest); err == nil {
			err = r.print(stdout, asJSON)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "tcmuctl:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// parseFlags takes the flags from the front of argv; the rest is the command line.
func parseFlags(argv []string, open func() (lio.Root, error)) (asJSON bool, s *session, rest []string, err error) {
	flags := pflag.NewFlagSet("tcmuctl", pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	socket := flags.String("socket", control.Socket, "socket that tcmud listens on")
	showVersion := flags.Bool("version", false, "print the version")
	help := flags.BoolP("help", "h", false, "print all commands")
	if err := flags.Parse(argv); err != nil {
		return false, nil, nil, fmt.Errorf("%w: flags are --json, --socket PATH, --help and --version, before the command", err)
	}
	rest = flags.Args()
	switch {
	case *help:
		rest = []string{"help"}
	case *showVersion:
		rest = []string{"version"}
	case len(rest) == 0:
		return false, nil, nil, errors.New("no command: tcmuctl [--json] [PATH] COMMAND [ARGS], and \"tcmuctl help\" lists the commands")
	case len(rest) == 1 && isPath(rest[0]):
		return false, nil, nil, fmt.Errorf("no command for %s: to go there is of no use here; \"tcmuctl ls %[1]s\" shows it", rest[0])
	}
	return asJSON, newSession(open, control.Client{Path: *socket}), rest, nil
}

// result is what a command has to say: to people, and to programs.
type result struct {
	text string
	data any
}

func (r result) print(w io.Writer, asJSON bool) error {
	switch {
	case asJSON && r.data == nil, !asJSON && r.text == "":
		return nil
	case !asJSON:
		_, err := fmt.Fprintln(w, r.text)
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r.data)
}
