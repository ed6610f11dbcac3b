// Package man writes manual pages in the man(7) language, which all readers of manual pages know.
package man

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// date is when the texts were last worked on; readers of manual pages want one.
const date = "2026-11-22"

// Page is a manual page that is being written.
type Page struct{ b strings.Builder }

// New begins the page of a program for administrators, with one line on what it does.
func New(name, does string) *Page {
	p := &Page{}
	fmt.Fprintf(&p.b, ".\\\" Made from the tables by \"make docs\".\n.TH %s 8 %s tcmud \"System Administration\"\n.SH NAME\n%s \\- %s\n",
		strings.ToUpper(name), date, escape(name), escape(does))
	return p
}

// Section begins a section.
func (p *Page) Section(title string) { fmt.Fprintf(&p.b, ".SH %s\n", escape(strings.ToUpper(title))) }

// Subsection begins a part of a section.
func (p *Page) Subsection(title string) { fmt.Fprintf(&p.b, ".SS %s\n", escape(title)) }

// Synopsis writes how a program is called: its name, and what may follow.
func (p *Page) Synopsis(name, rest string) {
	fmt.Fprintf(&p.b, ".nf\n\\fB%s\\fR %s\n.fi\n", escape(name), escape(rest))
}

// Text writes paragraphs, which empty lines separate.
func (p *Page) Text(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.b.WriteString(".PP\n")
		}
		p.b.WriteString(escape(paragraph) + "\n")
	}
}

// Example writes lines as they are typed and shown.
func (p *Page) Example(lines string) {
	fmt.Fprintf(&p.b, ".PP\n.RS 4\n.nf\n%s\n.fi\n.RE\n", escape(strings.Trim(lines, "\n")))
}

// Item writes a word or a line in bold, and what it is below.
func (p *Page) Item(term, text string) {
	fmt.Fprintf(&p.b, ".TP\n\\fB%s\\fR\n%s\n", escape(term), escape(text))
}

// Below begins items that belong to the item before; end ends them.
func (p *Page) Below() (end func()) {
	p.b.WriteString(".RS\n")
	return func() { p.b.WriteString(".RE\n") }
}

// Options writes an item for each flag.
func (p *Page) Options(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		kind, text := pflag.UnquoteUsage(f)
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		if kind != "" {
			term += " " + strings.ToUpper(kind)
		}
		if f.DefValue != "" && f.DefValue != "false" {
			text += " (" + f.DefValue + " if left out)"
		}
		p.Item(term, text)
	})
}

// SeeAlso writes the section of that name: pages as "tcmud(8)".
func (p *Page) SeeAlso(pages ...string) {
	p.Section("see also")
	for i, page := range pages {
		name, section, _ := strings.Cut(strings.TrimSuffix(page, ")"), "(")
		comma := " ,"
		if i == len(pages)-1 {
			comma = ""
		}
		fmt.Fprintf(&p.b, ".BR %s (%s)%s\n", escape(name), section, comma)
	}
}

// String is the page.
func (p *Page) String() string { return p.b.String() }

var escaper = strings.NewReplacer(`\`, `\e`, "-", `\-`)

// escape makes text plain to the formatter: a hyphen stays what it is when it is copied, and no line begins a request.
func escape(text string) string {
	lines := strings.Split(escaper.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
