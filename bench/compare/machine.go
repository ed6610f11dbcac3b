package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// describe says what the results are of: when, which tcmud, where.
func (b *bench) describe(ctx context.Context) error {
	version, err := exec.CommandContext(ctx, "tcmud", "--version").Output()
	if err != nil {
		return fmt.Errorf("tcmud --version: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err
	}
	b.measured.Date = time.Now().UTC().Truncate(time.Second)
	b.measured.Version = strings.TrimSpace(strings.TrimPrefix(string(version), "tcmud "))
	b.measured.Kernel = strings.TrimSpace(string(kernel))
	b.measured.Machine = fmt.Sprintf("%s, %d CPUs", model(string(cpus)), runtime.NumCPU())
	return nil
}

var modelLine = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// model is what the processor calls itself; QEMU's emulation says so.
func model(cpuinfo string) string {
	if m := modelLine.FindStringSubmatch(cpuinfo); m != nil {
		return m[1]
	}
	return runtime.GOARCH
}
