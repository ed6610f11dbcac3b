package vm

import (
	"regexp"
	"strings"
)

// A complaint is a kind of kernel message after which a run has failed,
// whatever its exit status says.
type complaint struct {
	name  string
	match *regexp.Regexp
}

// complaints in the words of Linux 6.1. A line counts once, under the first
// name that matches.
var complaints = []complaint{
	{"warning", regexp.MustCompile(`\bWARNING: `)},
	{"lockup", regexp.MustCompile(`soft lockup|hard LOCKUP|rcu: INFO: rcu_\w+ (self-)?detected (expedited )?stalls?`)},
	{"bug", regexp.MustCompile(`\bBUG: |kernel BUG at `)},
	{"oops", regexp.MustCompile(`\bOops: |general protection fault|Unable to handle kernel `)},
	{"panic", regexp.MustCompile(`Kernel panic - not syncing`)},
	{"hung task", regexp.MustCompile(`INFO: task .* blocked for more than \d+ seconds`)},
	{"broken ring", regexp.MustCompile(`ring is broken`)},
	{"leak", regexp.MustCompile(`refcount_t: |list_(add|del) corruption`)},
	{"out of memory", regexp.MustCompile(`Out of memory: Killed process|page allocation failure`)},
	{"file system", regexp.MustCompile(`EXT4-fs error|XFS .*([Cc]orruption|Internal error)`)},
}

// Complaints returns the lines of a kernel log that tell of a fault: a
// warning, BUG, oops, panic, hung task, lockup, broken ring or the like.
func Complaints(log string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if line = strings.TrimRight(line, "\r\n"); kind(line) != "" {
			found = append(found, line)
		}
	}
	return found
}

// kind names the complaint that the line is, or is empty.
func kind(line string) string {
	for _, c := range complaints {
		if c.match.MatchString(line) {
			return c.name
		}
	}
	return ""
}
