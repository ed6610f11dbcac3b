// Command boot runs a command as root in a virtual machine with Debian's stock
// kernel, which has TCMU:
//
//	go run ./vm/boot --add bin/tcmud -- tcmud --version
//
// It exits with the command's status; with 1 if the kernel's log has a
// complaint or the machine cannot be had.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/tcmud/tcmud/vm"
)

const usage = `Usage: boot [flags] [-- command [argument...]]

Runs the command as root in a virtual machine with Debian's stock kernel, and
exits with its status. What it writes to /results comes back with --results.
TCMUD_ACCEL=kvm|tcg forces an accelerator; TCMUD_CACHE is where the image is
kept (tcmud/vm in the user's cache directory).

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	status, err := run(ctx, os.Args[1:])
	if err != nil {
		complain(err)
	}
	os.Exit(status)
}

func complain(err error) { fmt.Fprintln(os.Stderr, "boot:", err) }

// options are the flags, beside what goes straight into the vm.Config.
type options struct {
	vm.Config
	setup      bool
	require    []string
	add        []string
	memory     string
	scratch    string
	countTests bool
	kernelLog  bool
}

// run does what the arguments say and returns the exit status.
func run(ctx context.Context, args []string) (int, error) {
	o, err := parse(args)
	if err == pflag.ErrHelp {
		return 0, nil
	}
	if err != nil {
		return 1, err
	}
	if len(o.require) > 0 {
		if err := vm.Require(ctx, os.Stderr, o.require...); err != nil {
			return 1, err
		}
	}
	switch {
	case o.setup:
		if err := vm.Setup(ctx, os.Stderr); err != nil {
			return 1, err
		}
		return 0, nil
	case o.Interactive:
		restore, err := o.useTerminal()
		if err != nil {
			return 1, err
		}
		defer restore()
	case len(o.Command) == 0 && len(o.require) > 0:
		return 0, nil
	case len(o.Command) == 0:
		return 1, fmt.Errorf("nothing to do: give a command after --, or --shell, or --setup")
	}
	return o.boot(ctx)
}

func parse(args []string) (options, error) {
	o := options{Config: vm.Config{Stdout: os.Stdout, Log: os.Stderr}}
	flags := pflag.NewFlagSet("boot", pflag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage, flags.FlagUsages()) }
	flags.BoolVar(&o.setup, "setup", false, "only make ready: this host's packages and the guest's image")
	flags.StringSliceVar(&o.require, "require", nil, "Debian `packages` to install on this host first")
	flags.StringSliceVar(&o.add, "add", nil, "`HOST[:GUEST]`, file or folder to add; lands in "+vm.BinDir)
	flags.StringArrayVar(&o.Env, "env", nil, "`NAME=value` for the command's environment")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Minute, "limit for the command, which then ends with status 124")
	flags.IntVar(&o.CPUs, "cpus", 2, "processors")
	flags.StringVar(&o.memory, "memory", "3GiB", "memory `size`")
	flags.StringVar(&o.scratch, "scratch", "0", "`size` of a blank disk, /dev/disk/by-id/virtio-scratch")
	flags.StringVar(&o.Results, "results", "", "`folder` here that takes the guest's /results")
	flags.BoolVar(&o.Interactive, "shell", false, "run the command, by default a shell, on this terminal")
	flags.BoolVar(&o.countTests, "count-tests", false, "the command is a Go test with -test.v: close with its count")
	flags.BoolVar(&o.kernelLog, "kernel-log", false, "print the kernel's log at the end")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.Command = flags.Args()
	for _, file := range o.add {
		host, guest, _ := strings.Cut(file, ":")
		o.Files = append(o.Files, vm.File{Host: host, Guest: guest})
	}
	var err error
	if o.Memory, err = units.RAMInBytes(o.memory); err != nil {
		return o, fmt.Errorf("--memory %s: %w (try 3GiB)", o.memory, err)
	}
	if o.Scratch, err = units.RAMInBytes(o.scratch); err != nil {
		return o, fmt.Errorf("--scratch %s: %w (try 1GiB)", o.scratch, err)
	}
	return o, nil
}

// useTerminal gives the guest this terminal, every key of it, until restored.
// Where there is none, the command reads what comes on standard input.
func (o *options) useTerminal() (restore func(), err error) {
	o.Stdin = os.Stdin
	fd := int(os.Stdin.Fd())
	if o.Interactive = term.IsTerminal(fd); !o.Interactive {
		return func() {}, nil
	}
	if o.Columns, o.Rows, err = term.GetSize(fd); err != nil {
		return nil, fmt.Errorf("size of the terminal: %w", err)
	}
	// The image is made, and Ctrl-C works, before the keys go to the guest.
	if err := vm.Setup(context.Background(), os.Stderr); err != nil {
		return nil, err
	}
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal to raw mode: %w", err)
	}
	return func() { term.Restore(fd, state) }, nil
}

// boot runs the guest and judges. Where tests are counted, the count comes last.
func (o *options) boot(ctx context.Context) (int, error) {
	var tests testCount
	if o.countTests {
		o.Stdout = io.MultiWriter(o.Stdout, &tests)
		defer tests.print(os.Stdout)
	}
	result, err := vm.Run(ctx, o.Config)
	if o.kernelLog {
		fmt.Fprint(os.Stderr, result.Log)
	}
	if err == nil {
		err = result.Err()
	}
	if err == nil && o.countTests {
		err = tests.err()
	}
	if err == nil {
		return 0, nil
	}
	complain(err)
	return cmp.Or(result.Status, 1), nil
}
