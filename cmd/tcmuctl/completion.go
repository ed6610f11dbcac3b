package main

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// completions are scripts for the shells of the system: tcmuctl.bash and so on.
//
//go:embed completion
var completions embed.FS

var shellName = value{"bash|zsh|fish", parseShellName, values("bash", "zsh", "fish")}

func parseShellName(s string) (any, error) {
	switch s {
	case "bash", "zsh", "fish":
		return s, nil
	}
	return nil, fmt.Errorf("%q is no shell that there is a script for: give bash, zsh or fish", s)
}

var completionCommand = command{
	name: "completion", help: "print a script with which a shell of the system completes command lines of tcmuctl",
	params: []param{{name: "shell", help: "the shell", is: shellName, required: true}},
	run: func(_ context.Context, _ *node, a args) (result, error) {
		script, err := completions.ReadFile("completion/tcmuctl." + a.text("shell"))
		text := strings.TrimSpace(string(script))
		return result{text, map[string]string{"script": text}}, err
	},
}

// completeCommand is what those scripts call, with the command line up to the cursor; it is for nobody else.
const completeCommand = "__complete"

// completeLine prints what the last word of a command line could become, one a line, as it has to be typed. A blank at
// the end says that the word is finished.
func completeLine(argv []string, open func() (lio.Root, error), c *console) int {
	if len(argv) != 1 {
		return 1
	}
	words := texts(begun(argv[0]))
	if len(words) < 2 {
		return 0 // tcmuctl's own name
	}
	last := words[len(words)-1]
	o, flags, err := parseFlags(words[1 : len(words)-1])
	if err != nil {
		return 1
	}
	var list []string
	if flags.NArg() == 0 && strings.HasPrefix(last, "-") {
		flags.VisitAll(func(f *pflag.Flag) {
			if name := "--" + f.Name; strings.HasPrefix(name, last) {
				list = append(list, name+" ")
			}
		})
	} else {
		list = newSession(open, control.Client{Path: o.socket}).complete(append(flags.Args(), last))
	}
	for _, word := range list {
		fmt.Fprintln(c.out, quoted(word))
	}
	return 0
}
