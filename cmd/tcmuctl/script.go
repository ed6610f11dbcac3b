package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path"
)

// script runs the lines of in, one command each, up to the first that fails, or all of them. The error names the line.
func (s *session) script(ctx context.Context, c *console, keepGoing bool) error {
	lines := bufio.NewScanner(c.in)
	failed := 0
	for number := 1; lines.Scan() && !s.leaving; number++ {
		err := s.line(ctx, lines.Text(), c)
		if err == nil {
			continue
		}
		err = fmt.Errorf("line %d: %w", number, err)
		if !keepGoing || ctx.Err() != nil {
			return err
		}
		c.complain(err)
		failed++
	}
	if failed > 0 {
		return fmt.Errorf("%d lines have failed", failed)
	}
	return lines.Err()
}

// line runs one line and prints what it says. One without a command does nothing.
func (s *session) line(ctx context.Context, text string, c *console) error {
	words, err := cut(text)
	if err != nil || len(words) == 0 {
		return err
	}
	defer s.settle()
	r, err := s.execute(ctx, texts(words))
	if err != nil {
		return err
	}
	return c.print(r)
}

// settle goes up to what there still is, when the place one was at has been deleted.
func (s *session) settle() {
	for {
		_, err := s.top.lookup(s.here)
		var missing *missingError
		if !errors.As(err, &missing) {
			return
		}
		s.here = path.Dir(s.here)
	}
}
