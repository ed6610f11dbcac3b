// Command tcmud serves TCMU devices: it finds those whose configuration string begins with "tcmud/", now and as they
// come, and answers the SCSI commands that the kernel's target hands to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/cmd/internal/daemon"
	"github.com/tcmud/tcmud/cmd/internal/dbus"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/tcmu"
)

// version is set by the linker.
var version = "devel"

const usage = `Usage: tcmud [OPTIONS]

Serves the kernel's TCMU devices whose configuration begins with "tcmud/": as disks made of memory (tcmud/ramdisk),
files or block devices (tcmud/fileio/PATH), or nothing (tcmud/null). tcmuctl makes such devices; targetcli or a shell
script can, too. Runs in the foreground until SIGTERM or SIGINT, then finishes the commands in flight and leaves the
devices in place: initiators wait for the next start. With --replace it takes the place of the one that runs.

Options:
`

// options are what the command line says.
type options struct {
	socket, memory, state, data string
	metrics, dbus               string
	level                       slog.LevelVar
	noSpin, noURing             bool
	replace, help, version      bool
}

func parse(args []string) (*options, *pflag.FlagSet, error) {
	o := &options{}
	f := pflag.NewFlagSet("tcmud", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&o.socket, "socket", control.Socket, "unix socket on which tcmuctl asks")
	f.StringVar(&o.metrics, "metrics-address", "", "HOST:PORT on which anyone may ask for /metrics (Prometheus) and /health, such as 127.0.0.1:9750")
	f.StringVar(&o.memory, "memory-dir", daemon.Memory, "directory, on a tmpfs, of the files that hold ramdisks")
	f.StringVar(&o.state, "state-dir", "/run/tcmud/state", "directory of what one run tells the next")
	f.StringVar(&o.data, "data-dir", "/var/lib/tcmud", "directory of what outlives a reboot: what units remember, and the journals of atomic writes")
	f.StringVar(&o.dbus, "dbus", "auto", "auto or off: whether targetcli finds us on the system bus, if there is one")
	f.BoolVar(&o.noSpin, "no-spin", false, "sleep at once where there is nothing to do: less CPU for each command, and longer ways for those sent one at a time")
	f.BoolVar(&o.noURing, "no-uring", false, "do without io_uring: threads wait for what is not in the page cache")
	f.TextVar(&o.level, "log-level", &o.level, "DEBUG, INFO, WARN or ERROR")
	f.BoolVar(&o.replace, "replace", false, "go on, as this program and with these options, in place of the tcmud that runs; the command returns when it serves")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	f.BoolVarP(&o.help, "help", "h", false, "print this help and exit")
	f.Usage = func() {}
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err == nil && o.dbus != "auto" && o.dbus != "off" {
		err = fmt.Errorf("--dbus is %q: give auto or off", o.dbus)
	}
	return o, f, err
}

func main() {
	o, flags, err := parse(os.Args[1:])
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "tcmud: %v (see tcmud --help)\n", err)
		os.Exit(2)
	case o.help:
		fmt.Print(usage, flags.FlagUsages())
		return
	case o.version:
		fmt.Println("tcmud", version)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if o.replace {
		if err := replace(ctx, o.socket, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "tcmud:", err)
			os.Exit(1)
		}
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: &o.level}))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	successor, err := run(ctx, o, log)
	if err == nil && successor != nil && ctx.Err() == nil { // else it is to end after all
		err = succeed(*successor, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tcmud:", err)
		os.Exit(1)
	}
}

// garbage is how much of it may gather, in percent of the memory in use. READs and WRITEs leave none, so that there is
// little to collect; by Go's own measure, 100, a thousand idle disks would take twice the memory that they need.
const garbage = 25

// run wires the daemon to its sockets and serves until ctx ends, or another program is to go on: its successor.
func run(ctx context.Context, o *options, log *slog.Logger) (successor *control.Program, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("not root: serving the kernel's devices takes root (sudo tcmud)")
	}
	unix.Umask(0o077) // what is made from now on is ours alone
	socket, err := control.Listen(o.socket)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	root, err := lio.Open()
	if err != nil {
		return nil, err
	}
	var public net.Listener
	if o.metrics != "" {
		if public, err = control.ListenPublic(o.metrics); err != nil {
			return nil, err
		}
		defer public.Close()
	}
	if err := dropPrivileges(); err != nil {
		log.Warn("capabilities that tcmud does not need stay with it", "err", err)
	}
	d := daemon.New(daemon.Config{
		Root: root, Log: log, Level: &o.level, Memory: o.memory, State: o.state, Data: o.data, Version: version, NoSpin: o.noSpin, NoURing: o.noURing,
	})
	go serve(socket, control.Handler(d), log)
	if public != nil {
		go serve(public, control.PublicHandler(d), log)
	}
	if o.dbus == "auto" {
		go dbus.Serve(ctx, handlers, tcmu.EndReplies, log)
	}
	log.Info("started", "version", version, "socket", o.socket)
	err = d.Run(ctx)
	log.Info("ended")
	return d.Successor(), err
}

// serve answers requests until l is closed.
func serve(l net.Listener, h http.Handler, log *slog.Logger) {
	if err := control.NewServer(h).Serve(l); !errors.Is(err, net.ErrClosed) {
		log.Error("requests are not answered any more", "address", l.Addr(), "err", err)
	}
}
