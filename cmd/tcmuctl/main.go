// Command tcmuctl makes, shows and removes disks that tcmud serves, and what exports them, in the grammar of targetcli:
//
//	tcmuctl [OPTIONS] [PATH] COMMAND [ARGS]
//
// Without a command it is a shell on a terminal; else its input has one command a line.
//
// What can be said is a tree of tables: each kind of node has its commands, each command its parameters. Parsing, help,
// completion, the manual page and errors of usage derive from them.
package main

import (
	"context"
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
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(run(context.Background(), os.Args[1:], lio.Open, c))
}

// run does what the command line says and returns the exit status: 0, or 1 with the reason on c.err. open is called when
// the tree is first looked at.
func run(ctx context.Context, argv []string, open func() (lio.Root, error), c *console) int {
	if len(argv) > 0 && argv[0] == completeCommand {
		return completeLine(argv[1:], open, c)
	}
	o, flags, err := parseFlags(argv)
	if err == nil {
		c.json = o.json
		err = o.run(ctx, flags, open, c)
	}
	if err != nil {
		c.complain(err)
		return 1
	}
	return 0
}

// options are what comes before the command.
type options struct {
	json, keepGoing, version, help bool
	socket                         string
}

// parseFlags takes the options from the front of argv; flags.Args is the command.
func parseFlags(argv []string) (*options, *pflag.FlagSet, error) {
	o := &options{}
	flags := pflag.NewFlagSet("tcmuctl", pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	flags.Usage = func() {}
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&o.keepGoing, "keep-going", false, "go on after a line of the input that fails")
	flags.StringVar(&o.socket, "socket", control.Socket, "socket that tcmud listens on")
	flags.BoolVar(&o.version, "version", false, "print the version")
	flags.BoolVarP(&o.help, "help", "h", false, "print all commands")
	if err := flags.Parse(argv); err != nil {
		return o, flags, fmt.Errorf("%w: options are --json, --keep-going, --socket PATH, --help and --version, before the command", err)
	}
	return o, flags, nil
}

// run runs the command, or else those of the input.
func (o *options) run(ctx context.Context, flags *pflag.FlagSet, open func() (lio.Root, error), c *console) error {
	words := flags.Args()
	s := newSession(open, control.Client{Path: o.socket})
	s.width, s.colours, s.console = width(c.out), colourful(c.out), c
	if isTerminal(c.err) {
		s.watched = c.err
	}
	switch {
	case o.help:
		topics := append(rootKind.topics("/"), topicsEverywhere()...)
		return c.print(result{"tcmuctl [OPTIONS] " + overview(topics) + "\n\noptions\n" + strings.TrimSuffix(flags.FlagUsages(), "\n"), topics})
	case o.version:
		words = []string{"version"}
	case len(words) == 0 && c.interactive():
		return s.interact(ctx, c)
	case len(words) == 1 && isPath(words[0]):
		return fmt.Errorf("no command for %s: to go there is of no use here; \"tcmuctl ls %[1]s\" shows it", words[0])
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(words) == 0 {
		return s.script(ctx, c, o.keepGoing)
	}
	r, err := s.execute(ctx, words)
	if err != nil {
		return err
	}
	return c.print(r)
}
