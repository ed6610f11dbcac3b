// Package vm runs a program as root on a real kernel that has TCMU: Debian's
// stock kernel, booted under QEMU for the one command. It brings back the
// exit status, the kernel's log with what is wrong in it, and files.
//
// The guest starts from an image made once with mmdebstrap (image.go); what
// the command needs goes in as a tar on a disk (input.go), what it leaves in
// /results comes back as one (results.go). No run leaves a trace in the image,
// and several may run at once.
package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Config says what to run in the guest. The zero value is a login shell.
type Config struct {
	Command []string // program, sought in PATH with BinDir first, and arguments
	Env     []string // NAME=value, added to the command's environment
	Files   []File   // what the guest gets before the command starts

	// Timeout is for the command alone; then it is killed and its status is
	// 124. 0 means 10 minutes. An Interactive command has no limit.
	Timeout time.Duration

	CPUs    int   // 0 means 2
	Memory  int64 // bytes, 0 means 3 GiB
	Scratch int64 // bytes of a blank disk, /dev/disk/by-id/virtio-scratch; 0 means none
	// Disk is a file here that is that disk instead, and outlives the run. It is made if it is not there, of Scratch bytes.
	// It has a write cache: what the guest has not flushed may be lost where the run is stopped.
	Disk string

	Results string // folder here that takes the guest's /results; empty: they are lost

	Stdin  io.Reader // what the command reads, sent to its end before the boot; nil: nothing
	Stdout io.Writer // takes both output streams of the command; nil: nobody

	// An Interactive command runs on a terminal of Rows by Columns, with
	// Stdin its keys, passed on as they come.
	Interactive   bool
	Rows, Columns int

	Log io.Writer // takes a line about each thing that takes time; nil: none
}

// Result is what came of a run.
type Result struct {
	Status     int      // exit status of the command
	Log        string   // the kernel's log, from its first line
	Complaints []string // the lines of Log that tell of a fault
}

// Err says why the run is a failure: the command's status or a complaint of
// the kernel. It is nil for a good run.
func (r Result) Err() error {
	var failures []error
	if r.Status == 124 {
		failures = append(failures, errors.New("the command ran out of time (status 124)"))
	} else if r.Status != 0 {
		failures = append(failures, fmt.Errorf("the command ended with status %d", r.Status))
	}
	if len(r.Complaints) > 0 {
		failures = append(failures, fmt.Errorf("the guest's kernel complained:\n  %s", strings.Join(r.Complaints, "\n  ")))
	}
	return errors.Join(failures...)
}

// grace is how much longer than its command a guest may take, to boot and to
// hand over its results, before it counts as hung.
const grace = 90 * time.Second

// Run boots a guest, runs the command in it and waits for its end. The error
// is about the guest, not the command: the set-up failed, or the guest crashed
// or hung; Log and Complaints are then set as far as known. What the command
// did is in the Result, to be asked with [Result.Err].
func Run(ctx context.Context, cfg Config) (Result, error) {
	cfg = cfg.withDefaults()
	img, err := prepare(ctx, cfg.Log)
	if err != nil {
		return Result{}, err
	}
	accel, err := accelerator(ctx, cfg.Log, img)
	if err != nil {
		return Result{}, err
	}
	dir, err := os.MkdirTemp("", "tcmud-vm-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)

	m := machine{
		image: img, accel: accel, cpus: cfg.CPUs, memory: cfg.Memory, interactive: cfg.Interactive,
		input: filepath.Join(dir, "input"), results: filepath.Join(dir, "results"), console: filepath.Join(dir, "console"),
	}
	if cfg.Scratch > 0 {
		m.scratch, m.overlay = filepath.Join(dir, "scratch"), cfg.Disk != ""
	}
	if err := makeDisks(ctx, m, cfg); err != nil {
		return Result{}, fmt.Errorf("make the guest's disks: %w", err)
	}
	fmt.Fprintf(cfg.Log, "vm: Linux %s, %s, %d CPUs, %d MiB\n", img.release(), accel, cfg.CPUs, cfg.Memory>>20)
	result, err := boot(ctx, m, cfg)
	if m.overlay { // also, and above all, of a run that was stopped
		if err := commitOverlay(context.WithoutCancel(ctx), m.scratch); err != nil {
			return result, err
		}
	}
	return result, err
}

func (cfg Config) withDefaults() Config {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Minute)
	cfg.CPUs = cmp.Or(cfg.CPUs, 2)
	cfg.Memory = cmp.Or(cfg.Memory, 3<<30)
	cfg.Rows, cfg.Columns = cmp.Or(cfg.Rows, 24), cmp.Or(cfg.Columns, 80)
	if cfg.Stdin == nil {
		cfg.Stdin = strings.NewReader("")
	}
	if cfg.Stdout == nil {
		cfg.Stdout = io.Discard
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	return cfg
}

// settings are the shell variables that stage two reads.
func (cfg Config) settings(accel string) string {
	terminal := ""
	if cfg.Interactive {
		terminal = cmp.Or(os.Getenv("TERM"), "linux")
	}
	return fmt.Sprintf("accel=%s\nlimit=%g\nterminal=%s\nrows=%d\ncolumns=%d\n",
		accel, cfg.Timeout.Seconds(), quote(terminal), cfg.Rows, cfg.Columns)
}

// makeDisks writes the input disk and makes the others, all holes.
func makeDisks(ctx context.Context, m machine, cfg Config) error {
	input, err := os.Create(m.input)
	if err != nil {
		return err
	}
	err = writeInput(input, cfg, cfg.settings(m.accel))
	if err := errors.Join(err, input.Close()); err != nil {
		return err
	}
	if err := makeHole(m.results, 8<<30); err != nil || m.scratch == "" {
		return err
	}
	if !m.overlay {
		return makeHole(m.scratch, cfg.Scratch)
	}
	if _, err := os.Stat(cfg.Disk); err != nil { // else it is of a run before
		if err := makeHole(cfg.Disk, cfg.Scratch); err != nil {
			return err
		}
	}
	return makeOverlay(ctx, m.scratch, cfg.Disk)
}

func makeHole(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// boot runs QEMU to its end and reads what it left.
func boot(ctx context.Context, m machine, cfg Config) (Result, error) {
	if !m.interactive {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Timeout+grace)
		defer cancel()
	}
	// At the end of its input QEMU would drop the output too: keys stays open.
	stdin, keys, err := os.Pipe()
	if err != nil {
		return Result{}, err
	}
	defer stdin.Close()
	defer keys.Close()
	if m.interactive {
		go io.Copy(keys, cfg.Stdin)
	}

	var complaint strings.Builder
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", m.args()...)
	// Through a pipe: QEMU makes its stdio non-blocking, and a terminal that we
	// handed on would be so for us, and for the user's shell, too.
	qemu.Stdin, qemu.Stdout, qemu.Stderr = stdin, struct{ io.Writer }{cfg.Stdout}, &complaint
	err = qemu.Run()

	log, _ := os.ReadFile(m.console) // missing when QEMU did not start
	result := Result{Log: strings.ReplaceAll(string(log), "\r\n", "\n"), Complaints: Complaints(string(log))}
	switch {
	case ctx.Err() != nil:
		return result, fmt.Errorf("the guest was stopped: %w; its kernel's last lines:\n%s", context.Cause(ctx), lastLines(result.Log))
	case err != nil:
		return result, fmt.Errorf("QEMU: %w\n%s", err, complaint.String())
	}
	disk, err := os.Open(m.results)
	if err != nil {
		return result, err
	}
	defer disk.Close()
	if result.Status, err = readResults(disk, cfg.Results); err != nil {
		return result, fmt.Errorf("%w; its kernel's last lines:\n%s", err, lastLines(result.Log))
	}
	return result, nil
}

// lastLines is the end of a log, for an error message.
func lastLines(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
