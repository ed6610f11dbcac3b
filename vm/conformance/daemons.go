package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// daemon is a program that has to run for others to work.
type daemon struct {
	command []string
	ready   []string // a command that succeeds as soon as it does its work
}

var (
	tcmud      = daemon{[]string{"tcmud"}, []string{"tcmuctl", "ls"}}
	systemBus  = daemon{[]string{"dbus-daemon", "--system", "--nofork", "--nopidfile"}, []string{"busctl", "list"}}
	tcmuRunner = daemon{[]string{"tcmu-runner"}, []string{"busctl", "status", "org.kernel.TCMUService1"}}
)

// start starts the daemon, which logs to a file in dir, and waits until it is ready. The function ends it.
func (d daemon) start(ctx context.Context, dir string) (end func() error, err error) {
	if err := os.MkdirAll("/run/dbus", 0o755); err != nil { // the bus expects it of whoever starts it
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, d.command[0]+".log"))
	if err != nil {
		return nil, err
	}
	process := exec.Command(d.command[0], d.command[1:]...)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	end = func() error {
		process.Process.Signal(syscall.SIGTERM)
		process.Wait() // tcmu-runner ends with an error
		return log.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for exec.CommandContext(ctx, d.ready[0], d.ready[1:]...).Run() != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%s is not ready: %w", d.command[0], ctx.Err()), end())
		}
		time.Sleep(100 * time.Millisecond)
	}
	return end, nil
}
