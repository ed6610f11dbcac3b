package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// comeBack is how long a daemon may take to be replaced: its drain, and the start of the other.
const comeBack = 2 * time.Minute

// replace has the tcmud that listens on the socket go on as this program, with these arguments, and waits until that serves
// all devices.
func replace(ctx context.Context, socket string, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, comeBack)
	defer cancel()
	old := control.Client{Path: socket}
	before, err := old.Health(ctx)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--replace" || arg == "--replace=true" })
	ok, err := old.Replace(ctx, control.Program{Path: self, Arguments: args})
	if !ok {
		return err
	}
	o, _, _ := parse(args) // as has been done
	now, lost := succession(ctx, control.Client{Path: o.socket}, before.Started)
	if lost != nil {
		return errors.Join(fmt.Errorf("tcmud has not come back: see its log: %w", lost), err)
	}
	fmt.Printf("tcmud %s serves %d of %d devices, after %v\n", version, now.Devices-len(now.Failed), now.Devices, time.Since(began).Round(time.Millisecond))
	return nil
}

// succession waits for a daemon that was not started at the given time and is ready.
func succession(ctx context.Context, c control.Client, before time.Time) (control.Health, error) {
	for {
		h, err := c.Health(ctx)
		if err == nil && !h.Started.Equal(before) && h.Ready {
			return h, nil
		}
		select {
		case <-ctx.Done():
			return h, errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// succeed becomes the program p; if that cannot be, this one anew, as it was started. All that has been opened closes
// then. It returns only if it has failed.
func succeed(p control.Program, log *slog.Logger) error {
	log.Info("making room for another", "program", p.Path)
	err := syscall.Exec(p.Path, append([]string{os.Args[0]}, p.Arguments...), os.Environ())
	log.Error("the other cannot be run: going on as before", "program", p.Path, "err", err)
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
