// Package transcript has the sessions that a newcomer to LIO learns targetcli with, and a typist who repeats them at
// tcmuctl, on a terminal or through a pipe, and compares what is said word for word. Tests with a kernel in a directory
// and tests with a real one share it.
package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Setup are the lines that make what the sessions begin with.
var Setup = []string{
	"/backstores/ramdisk create rd0 10M",
	"/backstores/fileio create disk0 /tmp/disk0.img 10M",
}

// Loopback makes a disk of this host out of a ramdisk, and takes it away again.
const Loopback = `
/> cd loopback
/loopback> create
Created target naa.5001405c81b9d906.
/loopback> cd naa.5001405c81b9d906/
/loopback/naa.5001405c81b9d906> luns/ create /backstores/ramdisk/rd0
Created LUN 0.
/loopback/naa.5001405c81b9d906> cd /
/> ls
o- / ..................................................................... [...]
  o- backstores .......................................................... [...]
  | o- block .............................................. [Storage Objects: 0]
  | o- fileio ............................................. [Storage Objects: 1]
  | | o- disk0 ............... [/tmp/disk0.img (10.0MiB) write-back deactivated]
  | o- pscsi .............................................. [Storage Objects: 0]
  | o- ramdisk ............................................ [Storage Objects: 1]
  |   o- rd0 ............................................. [(10.0MiB) activated]
  o- iscsi ........................................................ [Targets: 0]
  o- loopback ..................................................... [Targets: 1]
  | o- naa.5001405c81b9d906 ............................. [naa.50014059b977cca7]
  |   o- luns ........................................................ [LUNs: 1]
  |     o- lun0 .................................. [ramdisk/rd0 (/dev/sdb)]
  o- vhost ........................................................ [Targets: 0]

/> loopback/ delete naa.5001405c81b9d906
Deleted Target naa.5001405c81b9d906.
`

// VHost gives the ramdisk to a guest.
const VHost = `
/> cd vhost
/vhost> create
Created target naa.5001405162d5cf9d.
Created TPG 1.
/vhost> cd naa.5001405162d5cf9d/tpg1/
/vhost/naa.50...62d5cf9d/tpg1> luns/ create /backstores/ramdisk/rd0
Created LUN 0.
`

// step is a line that is typed, and what is said to it.
type step struct {
	prompt, line string
	output       []string
}

var prompted = regexp.MustCompile(`^(/.*>) (.*)$`)

// steps takes a transcript apart.
func steps(text string) []step {
	var all []step
	for _, line := range strings.Split(text, "\n") {
		switch m := prompted.FindStringSubmatch(line); {
		case m != nil:
			all = append(all, step{prompt: m[1], line: m[2]})
		case line != "":
			last := &all[len(all)-1]
			last.output = append(last.output, line)
		}
	}
	return all
}

// Names are what the identifiers of a transcript are called in the session that repeats it. A session begins with what
// is known before, as the name of a file; those that the kernel or chance choose are learnt.
type Names map[string]string

// identifiers are what chance and the kernel choose: world wide names and disks.
var identifiers = regexp.MustCompile(`naa\.[0-9a-f]{16}|/dev/sd[a-z]+`)

// actual is text of a transcript with the names of the session, those in a shortened prompt too.
func (n Names) actual(text string) string {
	for _, of := range n.sorted() {
		text = strings.ReplaceAll(text, of, n[of])
		if identifiers.MatchString(of) && len(of) > 14 {
			text = strings.ReplaceAll(text, short(of), short(n[of]))
		}
	}
	return text
}

// short is what a prompt leaves of a world wide name.
func short(wwn string) string { return wwn[:6] + "..." + wwn[len(wwn)-8:] }

func (n Names) sorted() []string {
	var list []string
	for of := range n {
		list = append(list, of)
	}
	slices.Sort(list)
	return list
}

// compare compares what was said with what the transcript has, and learns the names in it.
func (n Names) compare(want, got []string) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d lines were said, not %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		theirs, ours := identifiers.FindAllString(want[i], -1), identifiers.FindAllString(got[i], -1)
		for j, of := range theirs {
			if _, known := n[of]; !known && j < len(ours) {
				n[of] = ours[j]
			}
		}
		if plain(n.actual(want[i])) != plain(got[i]) {
			return fmt.Errorf("said:     %s\nexpected: %s", got[i], n.actual(want[i]))
		}
	}
	return nil
}

// plain is a line without what depends on the length of names: how many dots fill it.
func plain(line string) string { return dots.ReplaceAllString(line, " ... ") }

var dots = regexp.MustCompile(` \.{3,} `)
