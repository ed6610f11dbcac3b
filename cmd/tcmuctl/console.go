package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// console is where commands come from, and where what they say goes to.
type console struct {
	in       io.Reader
	out, err io.Writer
	json     bool
}

// result is what a command has to say: to people, and to programs. Data that is a verdict decides on the exit status.
type result struct {
	text string
	data any
}

// verdict is data of a command that ends well and still has bad news.
type verdict interface{ failure() error }

// print prints a result, or nothing where there is nothing to say. The error may be its verdict.
func (c *console) print(r result) error {
	if err := c.show(r); err != nil {
		return err
	}
	if v, ok := r.data.(verdict); ok {
		return v.failure()
	}
	return nil
}

func (c *console) show(r result) error {
	switch {
	case c.json && r.data == nil, !c.json && r.text == "":
		return nil
	case !c.json:
		_, err := fmt.Fprintln(c.out, r.text)
		return err
	}
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r.data)
}

// complain prints an error, on one line.
func (c *console) complain(err error) {
	fmt.Fprintln(c.err, oneLine(err))
}

func oneLine(err error) string {
	return "tcmuctl: " + strings.ReplaceAll(err.Error(), "\n", "; ")
}

// interactive reports whether somebody types and reads along.
func (c *console) interactive() bool { return isTerminal(c.in) && isTerminal(c.out) }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colourful reports whether what is printed to stream may have colours: see no-color.org.
func colourful(stream any) bool {
	return isTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
}

// colour is what a terminal is told to print in a colour; none: nothing.
type colour string

const (
	none    colour = ""
	bold    colour = "\x1b[1m"
	red     colour = "\x1b[31m"
	blue    colour = "\x1b[1;34m"
	magenta colour = "\x1b[1;35m"
)

func (c colour) paint(text string) string {
	if c == none {
		return text
	}
	return string(c) + text + "\x1b[0m"
}
