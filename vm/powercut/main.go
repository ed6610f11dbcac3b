// Command powercut cuts the power of a virtual machine at random moments of a storm of registrations with APTPL, and holds
// what the next start of tcmud finds to what had been answered ("make powercut"):
//
//	powercut --cuts 3 --add bin/tcmud --add bin/tcmuctl
//
// On the host it boots the machine, kills QEMU and boots it again on the same disk; in the machine it is the storm
// (--storm), or with --kills one in which tcmud is killed rather than the machine. It exits with 1 when something that was answered is not there, or something is there in part.
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
	inside := pflag.Bool("storm", false, "be the storm: in the virtual machine")
	kills := pflag.Int("kills", 0, "in the virtual machine: kill tcmud so often")
	pflag.IntVar(&h.cuts, "cuts", 3, "how often the power is cut")
	pflag.StringSliceVar(&h.add, "add", nil, "`programs` for the virtual machine: tcmud, tcmuctl")
	pflag.Parse()
	run := h.run
	switch {
	case *kills > 0:
		run = func(ctx context.Context) error { return storms(ctx, *kills) }
	case *inside:
		run = storm
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
}
