package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/peterh/liner"
)

// shell is a session with somebody at a terminal.
type shell struct {
	*session
	console *console
	line    *liner.State
	history history
}

// interact reads lines and runs them until exit or the end of the input. What goes wrong is told, and the next line
// read.
func (s *session) interact(ctx context.Context, c *console) error {
	sh := &shell{s, c, liner.NewLiner(), historyFile()}
	defer sh.line.Close()
	sh.line.SetCtrlCAborts(true)
	sh.line.SetTabCompletionStyle(liner.TabPrints)
	sh.line.SetWordCompleter(sh.complete)
	if err := sh.history.load(sh.line); err != nil {
		c.complain(err)
	}
	// Ctrl-C ends a command, never the shell.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	s.atExit = append(s.atExit, s.autosave())
	fmt.Fprintf(c.out, "tcmuctl %s\nType help to see what can be said, and exit to leave.\n\n", version)
	for !s.leaving {
		text, err := sh.line.Prompt(s.prompt())
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(c.out, "exit")
			s.leaving = true
		case err != nil:
			return err
		}
		sh.run(ctx, text)
	}
	for _, f := range s.atExit {
		if err := f(ctx, c); err != nil {
			sh.complain(err)
		}
	}
	return nil
}

// run runs a line; Ctrl-C ends it.
func (sh *shell) run(ctx context.Context, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	if err := sh.history.add(sh.line, text); err != nil {
		sh.complain(err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := sh.session.line(ctx, text, sh.console); err != nil {
		sh.complain(err)
	}
}

func (sh *shell) complain(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if colourful(sh.console.err) {
		text = red.paint(text)
	}
	fmt.Fprintln(sh.console.err, text)
}

// complete implements liner.WordCompleter; pos counts runes.
func (sh *shell) complete(line string, pos int) (head string, list []string, tail string) {
	runes := []rune(line)
	head, tail = string(runes[:pos]), string(runes[pos:])
	words := begun(head)
	for _, c := range sh.session.complete(texts(words)) {
		list = append(list, quoted(c))
	}
	return head[:words[len(words)-1].at], list, tail
}

// promptLength is what of a path fits into the prompt; of a longer one the middle is left out, as in targetcli.
const promptLength = 30

func (s *session) prompt() string {
	path := s.here
	if len(path) > promptLength {
		half := (promptLength - 3) / 2
		path = path[:half] + "..." + path[len(path)-half:]
	}
	return path + "> "
}
