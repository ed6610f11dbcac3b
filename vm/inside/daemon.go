// Package inside is what programs that run in the virtual machine share: the daemons they need, and the disk for files.
package inside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Daemon is a program that has to run for others to work.
type Daemon struct {
	Command []string
	Ready   []string // a command that succeeds as soon as the program does its work
}

// The daemons that there are to start. tcmu-runner needs the system bus, and tcmud is found on it by targetcli.
var (
	Tcmud      = Daemon{[]string{"tcmud"}, []string{"tcmuctl", "ls"}}
	SystemBus  = Daemon{[]string{"dbus-daemon", "--system", "--nofork", "--nopidfile"}, []string{"busctl", "list"}}
	TcmuRunner = Daemon{[]string{"tcmu-runner"}, []string{"busctl", "status", "org.kernel.TCMUService1"}}
)

// With is the daemon with further arguments.
func (d Daemon) With(args ...string) Daemon {
	d.Command = slices.Concat(d.Command, args)
	return d
}

// Process is a daemon that runs.
type Process struct {
	PID     int
	command *exec.Cmd
	log     *os.File
}

// Start starts the daemon, which logs to a file in dir, and waits until it is ready.
func (d Daemon) Start(ctx context.Context, dir string) (*Process, error) {
	if err := os.MkdirAll("/run/dbus", 0o755); err != nil { // the bus expects it of whoever starts it
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, d.Command[0]+".log"))
	if err != nil {
		return nil, err
	}
	command := exec.Command(d.Command[0], d.Command[1:]...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &Process{command.Process.Pid, command, log}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for exec.CommandContext(ctx, d.Ready[0], d.Ready[1:]...).Run() != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%s is not ready: %w", d.Command[0], ctx.Err()), p.End())
		}
		time.Sleep(100 * time.Millisecond)
	}
	return p, nil
}

// End ends the daemon and waits for it.
func (p *Process) End() error {
	p.command.Process.Signal(syscall.SIGTERM)
	p.command.Wait() // tcmu-runner ends with an error
	return p.log.Close()
}
