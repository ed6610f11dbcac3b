package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tcmud/tcmud/vm"
)

// host is who cuts the power.
type host struct {
	cuts int
	add  []string
}

// known is how far the storm had come when the power was cut, by what it had told: each step up to did was answered, and
// none after tried was sent. What it told last may have been lost on its way.
type known struct{ did, tried step }

// lost is how many steps may have been taken that were not told of: what is on its way out of the machine.
const lost = 64

func (h host) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "tcmud-powercut-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := known{-1, -1}
	for cut := range h.cuts + 1 {
		st, now, err := h.boot(ctx, filepath.Join(dir, "disk"))
		if err != nil {
			return fmt.Errorf("boot %d: %w", cut, err)
		}
		at, err := reached(st, before.did, before.tried+lost)
		if err != nil {
			return fmt.Errorf("after cut %d: %w", cut, err)
		}
		if cut > 0 {
			fmt.Printf("cut %d: step %d was answered, step %d is there, whole\n", cut, before.did, at)
		}
		before = known{max(now.did, at), max(now.tried, at)}
	}
	fmt.Printf("%d passed, 0 failed\n", h.cuts)
	return nil
}

// boot boots the machine, and cuts its power some time after the storm has told what it found.
func (h host) boot(ctx context.Context, disk string) (st state, k known, err error) {
	self, err := os.Executable()
	if err != nil {
		return st, k, err
	}
	cfg := vm.Config{Command: []string{filepath.Base(self), "--storm"}, Scratch: 256 << 20, Disk: disk, Files: []vm.File{{Host: self}}}
	for _, f := range h.add {
		cfg.Files = append(cfg.Files, vm.File{Host: f})
	}
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	out, in := io.Pipe()
	defer out.Close()
	cfg.Stdout = in
	ended := make(chan error, 1)
	go func() {
		_, err := vm.Run(ctx, cfg)
		in.Close()
		ended <- err
	}()
	found := false
	k = known{-1, -1}
	var words strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // the power was cut, perhaps within a line
			break
		}
		what, value, _ := strings.Cut(line, " ")
		into := map[string]any{"have": &st, "try": &k.tried, "did": &k.did}[what]
		if into == nil {
			words.WriteString(line)
			continue
		}
		if err := json.Unmarshal([]byte(value), into); err != nil {
			return st, k, fmt.Errorf("%q: %w", line, err)
		}
		if what == "have" {
			found = true
			time.AfterFunc(time.Duration(500+rand.IntN(2500))*time.Millisecond, cut)
		}
	}
	err = <-ended
	if !found || ctx.Err() == nil {
		return st, k, errors.Join(fmt.Errorf("the storm has ended by itself:\n%s", words.String()), err)
	}
	return st, k, nil
}
