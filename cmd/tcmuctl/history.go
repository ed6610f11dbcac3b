package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

// history is a file of the lines that were typed; empty: none is kept.
type history string

// historyFile is where the history of whoever runs this is.
func historyFile() history {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return history(filepath.Join(state, "tcmuctl", "history"))
}

// load gives the lines of the file to a line editor, and shortens the file to what the editor keeps.
func (h history) load(line *liner.State) error {
	f, err := os.Open(string(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return h.failed(err)
	}
	defer f.Close()
	n, err := line.ReadHistory(f)
	if err == nil && n > 2*liner.HistoryLimit {
		err = h.shorten(line)
	}
	return h.failed(err)
}

// shorten replaces the file by what the editor has kept.
func (h history) shorten(line *liner.State) error {
	f, err := os.CreateTemp(filepath.Dir(string(h)), "history")
	if err != nil {
		return err
	}
	_, err = line.WriteHistory(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), string(h))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// add appends a line to the history of the editor and to the file, unless it tells a password.
func (h history) add(line *liner.State, text string) error {
	if strings.Contains(strings.ToLower(text), "password") {
		return nil
	}
	line.AppendHistory(text)
	if h == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(string(h)), 0o700); err != nil {
		return h.failed(err)
	}
	f, err := os.OpenFile(string(h), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return h.failed(err)
	}
	_, err = fmt.Fprintln(f, text)
	return h.failed(errors.Join(err, f.Close()))
}

func (h history) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("history is not kept: %w: see to that file, or set XDG_STATE_HOME", err)
}
