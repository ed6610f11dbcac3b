package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is one that runs.
type process struct {
	pid   int
	name  string // the first 15 bytes of it, as the kernel keeps it
	start time.Duration
	dir   string
}

// ticks is how many the kernel counts a second for programs (USER_HZ), on all architectures that have TCMU.
const ticks = 100

// processes lists those that there are. What ends meanwhile is left out.
func (h Host) processes() ([]process, error) {
	entries, err := os.ReadDir(h.path("proc"))
	if err != nil {
		return nil, err
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := h.path("proc", e.Name())
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		if p, ok := parseStat(stat); ok {
			p.pid, p.dir = pid, dir
			all = append(all, p)
		}
	}
	return all, nil
}

// parseStat reads proc(5)'s stat: "PID (NAME) STATE ...", with the start as the 22nd field. The name may hold anything.
func parseStat(stat []byte) (p process, ok bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, false
	}
	rest := strings.Fields(string(stat[end+1:]))
	const start = 22 - 3 // the first of rest is the third field
	if len(rest) <= start {
		return p, false
	}
	n, err := strconv.ParseInt(rest[start], 10, 64)
	p.name = string(stat[open+1 : end])
	p.start = time.Duration(n) * time.Second / ticks
	return p, err == nil
}

// waitsIn reports whether one of the process' threads is in the kernel and in the function.
func (p process) waitsIn(function string) bool {
	stacks, _ := filepath.Glob(filepath.Join(p.dir, "task/*/stack"))
	for _, s := range stacks {
		text, err := os.ReadFile(s)
		if err == nil && strings.Contains(string(text), function) {
			return true
		}
	}
	return false
}
