package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is where top shows what devices do: a terminal, on which each look takes the place of the one before and q
// leaves, or else just the output, with one below the other.
type screen struct {
	out      io.Writer
	json     bool
	terminal *os.File     // nil: it is none
	before   unix.Termios // how the terminal was
}

// openScreen prepares c for top. close gives it back.
func openScreen(c *console) (*screen, error) {
	s := &screen{out: c.out, json: c.json}
	if c.json || !c.interactive() {
		return s, nil
	}
	s.terminal = c.in.(*os.File)
	before, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	s.before = *before
	keys := *before
	keys.Lflag &^= unix.ICANON | unix.ECHO // each key at once; Ctrl-C stays a signal
	if err := unix.IoctlSetTermios(int(s.terminal.Fd()), unix.TCSETS, &keys); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	_, err = io.WriteString(s.out, "\x1b[?1049h\x1b[?25l") // a screen of its own, without a cursor
	return s, err
}

func (s *screen) close() error {
	if s.terminal == nil {
		return nil
	}
	_, _ = io.WriteString(s.out, "\x1b[?25h\x1b[?1049l") // a terminal that has gone needs nothing
	return unix.IoctlSetTermios(int(s.terminal.Fd()), unix.TCSETS, &s.before)
}

// keyTime is the longest that a key or the end of ctx goes unnoticed.
const keyTime = 100 * time.Millisecond

// wait waits for d, and is true when it is time to leave: q was typed, or ctx ended.
func (s *screen) wait(ctx context.Context, d time.Duration) (leave bool) {
	if s.terminal == nil {
		return !sleep(ctx, d)
	}
	for end := time.Now().Add(d); ctx.Err() == nil; {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		if s.typed('q', min(left, keyTime)) {
			return true
		}
	}
	return true
}

// typed reports whether a key is typed within d.
func (s *screen) typed(key byte, d time.Duration) bool {
	fd := []unix.PollFd{{Fd: int32(s.terminal.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fd, int(d.Milliseconds())+1); err != nil || n == 0 {
		return false
	}
	var keys [64]byte
	n, err := unix.Read(int(s.terminal.Fd()), keys[:])
	return err != nil || n == 0 || strings.IndexByte(string(keys[:n]), key) >= 0 // without a terminal, one leaves as well
}

// show shows what devices did; first says that nothing was shown before.
func (s *screen) show(all activity, first bool) error {
	switch {
	case s.json:
		return json.NewEncoder(s.out).Encode(all)
	case s.terminal != nil:
		return s.redraw(all)
	}
	text := strings.Join(all.table(), "\n")
	if !first {
		text = "\n" + text
	}
	_, err := fmt.Fprintln(s.out, text)
	return err
}

// redraw shows as much as there is room for.
func (s *screen) redraw(all activity) error {
	lines := append([]string{fmt.Sprintf("tcmud, %s, every %.1f s; q leaves", all.Time.Format(time.TimeOnly), all.Seconds), ""}, all.table()...)
	width, height, err := term.GetSize(int(s.terminal.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = defaultWidth, 24
	}
	lines = lines[:min(len(lines), height)]
	for i, l := range lines {
		if r := []rune(l); len(r) > width {
			lines[i] = string(r[:width])
		}
	}
	// Home; each line is cleared behind its text, and so is all below.
	_, err = io.WriteString(s.out, "\x1b[H"+strings.Join(lines, "\x1b[K\n")+"\x1b[K\x1b[J")
	return err
}
