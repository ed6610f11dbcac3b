package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// handler is the process that answers a target's commands.
type handler struct {
	pid  int
	ring func(context.Context) (ring, error) // nil: it does not say
	end  func() error                        // nil: it serves others too
}

// ring is what a handler has done to its ring.
type ring struct{ doorbells, wakeups float64 }

// servers are the daemons that serve several targets.
type servers struct{ bus, runner, tcmud *inside.Process }

// startServers starts them. tcmud is the last: it then tells the kernel that no daemon is to be asked about new devices.
func startServers(ctx context.Context, logs string, tcmud inside.Daemon) (*servers, error) {
	var s servers
	for _, d := range []struct {
		daemon  inside.Daemon
		process **inside.Process
	}{{inside.SystemBus, &s.bus}, {inside.TcmuRunner, &s.runner}, {tcmud, &s.tcmud}} {
		p, err := d.daemon.Start(ctx, logs)
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		*d.process = p
	}
	return &s, nil
}

func (s *servers) end() (err error) {
	for _, p := range []*inside.Process{s.tcmud, s.runner, s.bus} {
		if p != nil {
			err = errors.Join(err, p.End())
		}
	}
	return err
}

// byRunner is a device that tcmu-runner has found by itself. What it does to the ring nobody could tell but strace, under
// which it is another program.
func byRunner(_ context.Context, _ lio.StorageObject, s *servers) (*handler, error) {
	return &handler{pid: s.runner.PID}, nil
}

// byCeiling starts a C handler.
func byCeiling(args ...string) func(context.Context, lio.StorageObject, *servers) (*handler, error) {
	return func(_ context.Context, so lio.StorageObject, _ *servers) (*handler, error) {
		uio, err := so.UIO()
		if err != nil {
			return nil, err
		}
		size, err := so.Size()
		if err != nil {
			return nil, err
		}
		c := exec.Command("ceiling", append(args, "/dev/"+uio, strconv.FormatInt(size, 10))...)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := c.Start(); err != nil {
			return nil, err
		}
		lines := bufio.NewReader(out)
		end := func() error {
			c.Process.Signal(syscall.SIGTERM)
			_, err := io.Copy(io.Discard, lines)
			return errors.Join(err, c.Wait())
		}
		return &handler{pid: c.Process.Pid, end: end, ring: func(context.Context) (ring, error) { return askCeiling(c.Process, lines) }}, nil
	}
}

// askCeiling has a C handler that sleeps say what it has done.
func askCeiling(p *os.Process, lines *bufio.Reader) (r ring, err error) {
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		return r, err
	}
	line, err := lines.ReadString('\n')
	if err != nil {
		return r, err
	}
	return parseCeiling(line)
}

func parseCeiling(line string) (r ring, err error) {
	var commands, seconds float64
	if _, err := fmt.Sscanf(line, "commands %f doorbells %f wake-ups %f CPU %f s", &commands, &r.doorbells, &r.wakeups, &seconds); err != nil {
		return r, fmt.Errorf("ceiling says %q: %w", line, err)
	}
	return r, nil
}

// cpu is how long the threads of a process that live have run.
func cpu(pid int) (all time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has just ended
		}
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		all += time.Duration(ns)
	}
	return all, nil
}
