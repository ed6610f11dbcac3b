package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tcmud/tcmud/vm"
)

// host is who cuts the power.
type host struct {
	cuts int
	add  []string
}

func (h host) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "tcmud-powercut-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before, total := nothing(), 0
	for cut := range h.cuts + 1 {
		now, err := h.boot(ctx, filepath.Join(dir, "disk"), cut+1)
		if err != nil {
			return fmt.Errorf("boot %d: %w", cut, err)
		}
		at, err := before.judge(now)
		if err != nil {
			return fmt.Errorf("after cut %d: %w", cut, err)
		}
		if cut > 0 {
			fmt.Printf("cut %d: registrations: step %d was answered, step %d is there, whole; data: %d commands answered, all that was durable is there\n",
				cut, before.did, at, before.commands())
		}
		before, total = now.from(at), total+before.commands()
	}
	fmt.Printf("%d commands of data\n%d passed, 0 failed\n", total, h.cuts)
	return nil
}

// boot boots the machine, and cuts its power some time after the storms have begun.
func (h host) boot(ctx context.Context, disk string, boot int) (*told, error) {
	cfg, err := h.machine(disk, boot)
	if err != nil {
		return nil, err
	}
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	out, in := io.Pipe()
	defer out.Close()
	cfg.Stdout = in
	var result vm.Result
	ended := make(chan error, 1)
	go func() {
		var err error
		result, err = vm.Run(ctx, cfg)
		in.Close()
		ended <- err
	}()
	t := nothing()
	t.boot = boot
	words, err := t.listen(out, func() {
		time.AfterFunc(time.Duration(500+rand.IntN(2500))*time.Millisecond, cut)
	})
	if err != nil {
		return nil, err
	}
	if err := <-ended; !t.begun || !errors.Is(err, context.Canceled) {
		return nil, errors.Join(fmt.Errorf("the storm has ended by itself:\n%s", words), err)
	}
	return t, result.Err() // complaints of its kernel
}

// machine is the machine at a boot.
func (h host) machine(disk string, boot int) (vm.Config, error) {
	self, err := os.Executable()
	cfg := vm.Config{Command: []string{filepath.Base(self), "--storm", strconv.Itoa(boot)}, Scratch: 256 << 20, Disk: disk}
	for _, f := range append([]string{self}, h.add...) {
		cfg.Files = append(cfg.Files, vm.File{Host: f})
	}
	return cfg, err
}

// listen hears all that the machine tells until its power is cut, and what it says besides. Once it has told what it found,
// it calls begun.
func (t *told) listen(out io.Reader, begun func()) (words string, err error) {
	var others strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // the power was cut, perhaps within a line
			return others.String(), nil
		}
		heard, err := t.hear(line)
		if err != nil {
			return "", fmt.Errorf("%q: %w", line, err)
		}
		if !heard {
			others.WriteString(line)
		}
		if t.begun && begun != nil {
			begun()
			begun = nil
		}
	}
}
