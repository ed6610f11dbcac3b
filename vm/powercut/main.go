// Command powercut cuts the power of a virtual machine at random moments of a storm of registrations with APTPL and one of
// data, and holds what the next start of tcmud finds to what had been answered ("make powercut"):
//
//	powercut --cuts 3 --add bin/tcmud --add bin/tcmuctl
//
// On the host it boots the machine, kills QEMU and boots it again on the same disk; in the machine it is both storms
// (--storm), or with --kills that of registrations, in which tcmud is killed rather than the machine. It exits with 1 when
// something that was answered as durable is not there, or something is there in part.
//
//	host.go       cuts the power
//	told.go       what the machine tells, and what it must find afterwards
//	machine.go    what there is in the machine
//	storm.go      the storms begin; that of registrations
//	state.go      what a step of it leaves
//	data.go       the storm of data
//	operation.go  the steps of its writers
//	stamp.go      what a block tells of its write
//	judge.go      what may be found after a cut
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	var h host
	boot := pflag.Int("storm", 0, "be the storms: in the virtual machine, at this boot of it, from 1 on")
	kills := pflag.Int("kills", 0, "in the virtual machine: kill tcmud so often")
	pflag.IntVar(&h.cuts, "cuts", 3, "how often the power is cut")
	pflag.StringSliceVar(&h.add, "add", nil, "`programs` for the virtual machine: tcmud, tcmuctl")
	pflag.Parse()
	run := h.run
	switch {
	case *kills > 0:
		run = func(ctx context.Context) error { return storms(ctx, *kills) }
	case *boot > 0:
		run = func(ctx context.Context) error { return storm(ctx, *boot) }
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
}
