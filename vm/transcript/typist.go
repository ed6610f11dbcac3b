package transcript

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Type repeats a transcript at a shell behind a terminal, whose other end is tty. Everything that is on the screen has
// to be as in the transcript: prompts, what is typed, and what is said.
func Type(ctx context.Context, tty *Terminal, text string, names Names) error {
	all := steps(text)
	for i, s := range all {
		prompt, line := names.actual(s.prompt)+" ", names.actual(s.line)
		if err := tty.await(ctx, func(last string) bool { return last == prompt }); err != nil {
			return fmt.Errorf("waiting for the prompt %q: %w", prompt, err)
		}
		from := tty.rows()
		// The next prompt may have names in it that are still to be learnt from the output. A line editor may show the old one
		// once more, for a moment, before the command says anything.
		anyPrompt := func(last string) bool {
			return tty.rows() > from+len(s.output) && prompted.MatchString(last) && strings.HasSuffix(last, "> ")
		}
		if err := tty.enter(ctx, line, anyPrompt); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, line, err)
		}
		screen := tty.lines()
		if echo := screen[from-1]; echo != prompt+line {
			return fmt.Errorf("the screen shows %q for what was typed, not %q", echo, prompt+line)
		}
		if err := names.compare(s.output, screen[from:len(screen)-1]); err != nil {
			return fmt.Errorf("%s%s\n%w", prompt, line, err)
		}
	}
	return nil
}

// Pipe writes the lines of a transcript into a pipe and reads what is said to each, as many lines as the transcript has.
func Pipe(ctx context.Context, in io.Writer, out io.Reader, text string, names Names) error {
	said := make(chan string)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case said <- lines.Text():
			case <-ctx.Done():
			}
		}
	}()
	for _, s := range steps(text) {
		line := names.actual(s.line)
		if _, err := fmt.Fprintln(in, line); err != nil {
			return err
		}
		got, err := take(ctx, said, len(s.output))
		if err == nil {
			err = names.compare(s.output, got)
		}
		if err != nil {
			return fmt.Errorf("%s\n%w", line, err)
		}
	}
	return nil
}

// take takes n lines, or as many as there are.
func take(ctx context.Context, said <-chan string, n int) ([]string, error) {
	var got []string
	for len(got) < n {
		select {
		case line, ok := <-said:
			if !ok {
				return got, nil
			}
			got = append(got, line)
		case <-ctx.Done():
			return got, fmt.Errorf("%w; only this was said:\n%s", ctx.Err(), strings.Join(got, "\n"))
		}
	}
	return got, nil
}
