package transcript

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Terminal is a terminal of endless height as somebody sees it who sits in front of it. It knows as much of the VT100
// as line editors use.
type Terminal struct {
	keys io.Writer

	mu      sync.Mutex
	screen  [][]rune
	column  int
	pending []byte // an escape sequence of which the rest is still to come
	closed  error
}

// NewTerminal shows what the program at the other end of tty prints, until reading it fails.
func NewTerminal(tty io.ReadWriter) *Terminal {
	t := &Terminal{keys: tty, screen: make([][]rune, 1)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			t.show(buf[:n], err)
			if err != nil {
				return
			}
		}
	}()
	return t
}

// Enter types a line and waits for the next prompt, on a line of its own.
func (t *Terminal) Enter(ctx context.Context, line, prompt string) error {
	return t.enter(ctx, line, func(last string) bool { return last == prompt })
}

func (t *Terminal) enter(ctx context.Context, line string, prompted func(last string) bool) error {
	from := t.rows()
	if err := t.Press(line + "\r"); err != nil {
		return err
	}
	return t.await(ctx, func(last string) bool { return t.rows() > from && prompted(last) })
}

// Press presses keys.
func (t *Terminal) Press(keys string) error {
	_, err := io.WriteString(t.keys, keys)
	return err
}

// Await waits until the last line on the screen is what is asked for.
func (t *Terminal) Await(ctx context.Context, want string) error {
	return t.await(ctx, func(last string) bool { return last == want })
}

func (t *Terminal) await(ctx context.Context, seen func(last string) bool) error {
	for {
		screen := t.lines()
		if seen(screen[len(screen)-1]) {
			return nil
		}
		t.mu.Lock()
		err := t.closed
		t.mu.Unlock()
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%w; the screen shows:\n%s", err, strings.Join(screen, "\n"))
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Screen is all that has been shown.
func (t *Terminal) Screen() string { return strings.Join(t.lines(), "\n") }

func (t *Terminal) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, row := range t.screen {
		list = append(list, string(row))
	}
	return list
}

func (t *Terminal) rows() int { return len(t.lines()) }

var sequence = regexp.MustCompile(`^\x1b\[([0-9;?]*)([A-Za-z])`)

// show takes output of the program.
func (t *Terminal) show(output []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = err
	rest := append(t.pending, output...)
	for len(rest) > 0 {
		if rest[0] == '\x1b' {
			m := sequence.FindSubmatch(rest)
			if m == nil {
				break // the rest of it is on its way
			}
			t.control(string(m[1]), m[2][0])
			rest = rest[len(m[0]):]
			continue
		}
		if !utf8.FullRune(rest) {
			break
		}
		r, n := utf8.DecodeRune(rest)
		t.put(r)
		rest = rest[n:]
	}
	t.pending = append([]byte(nil), rest...)
}

// control obeys an escape sequence. Those about colours and modes change no text.
func (t *Terminal) control(parameter string, command byte) {
	n, _ := strconv.Atoi(parameter)
	row := &t.screen[len(t.screen)-1]
	switch command {
	case 'G': // to a column, counted from 1
		t.column = max(n, 1) - 1
	case 'C':
		t.column += max(n, 1)
	case 'D':
		t.column = max(0, t.column-max(n, 1))
	case 'K':
		*row = (*row)[:min(t.column, len(*row))]
	}
}

func (t *Terminal) put(r rune) {
	row := &t.screen[len(t.screen)-1]
	switch r {
	case '\r':
		t.column = 0
	case '\b':
		t.column = max(0, t.column-1)
	case '\a':
	case '\n':
		t.screen = append(t.screen, nil)
	default:
		for len(*row) <= t.column {
			*row = append(*row, ' ')
		}
		(*row)[t.column] = r
		t.column++
	}
}
