package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// defaultWidth is what a tree fills where there is no terminal, maxWidth what it fills at most: longer rows of dots are
// hard to follow.
const defaultWidth, maxWidth = 80, 132

// width is how many columns a tree that is printed to w should fill.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return defaultWidth
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return defaultWidth
	}
	return min(columns, maxWidth)
}

// view is a node as it was when it was looked at, and the nodes below.
type view struct {
	Name       string         `json:"name"`
	Path       string         `json:"path"`
	Summary    string         `json:"summary"`
	Properties map[string]any `json:"properties,omitempty"`
	Children   []view         `json:"children,omitempty"`
}

// look takes a view of n and depth levels below it; a negative depth is no limit. The tree may change meanwhile: what is
// gone when it is looked at is left out.
func look(n *node, depth int) (v view, err error) {
	n.session.keeping(func() { v, err = n.view(depth) })
	return v, err
}

func (n *node) view(depth int) (view, error) {
	st, err := n.status()
	if err != nil {
		return view{}, err
	}
	v := view{n.name, n.path(), st.summary, st.properties, nil}
	if n.parent == nil {
		v.Name = "/"
	}
	if depth == 0 {
		return v, nil
	}
	children, err := n.children()
	if err != nil {
		return view{}, err
	}
	for _, c := range children {
		below, err := c.view(depth - 1)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return view{}, err
		}
		v.Children = append(v.Children, below)
	}
	return v, nil
}

// render draws the tree as targetcli does: dots between name and summary fill each line up to width.
func (v view) render(width int, colours bool) string {
	d := drawing{width: width, colours: colours}
	d.draw(v, "", 0, true)
	return strings.TrimSuffix(d.String(), "\n")
}

// drawing is a tree for people.
type drawing struct {
	strings.Builder
	width   int
	colours bool
}

// levels are the colours of names, level by level.
var levels = []colour{bold, blue, magenta}

// draw writes the line of v behind margin, and below it those of its children. A bar leads down to the next node on the
// same level, unless v is the last.
func (d *drawing) draw(v view, margin string, level int, last bool) {
	head, tail := margin+"o- "+v.Name+" ", " ["+v.Summary+"]"
	dots := max(3, d.width-utf8.RuneCountInString(head+tail))
	if d.colours {
		head = margin + "o- " + levels[level%len(levels)].paint(v.Name) + " "
	}
	fmt.Fprintln(d, head+strings.Repeat(".", dots)+tail)
	if last {
		margin += "  "
	} else {
		margin += "| "
	}
	for i, c := range v.Children {
		d.draw(c, margin, level+1, i == len(v.Children)-1)
	}
}
