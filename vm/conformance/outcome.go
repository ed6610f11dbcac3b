package main

import (
	"fmt"
	"slices"
	"strings"
)

// outcome is how a test has ended.
type outcome int

const (
	passed outcome = iota
	failed
	skipped // the client has not tried it, or not all of it; it counts such a test as passed
	crashed // the client has crashed
)

var outcomeNames = [...]string{"passed", "failed", "skipped", "crashed"}

func (o outcome) String() string { return outcomeNames[o] }

// MarshalText is for results in JSON.
func (o outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *outcome) UnmarshalText(text []byte) error {
	at := slices.Index(outcomeNames[:], string(text))
	if at < 0 {
		return fmt.Errorf("unknown outcome %q", text)
	}
	*o = outcome(at)
	return nil
}

// result is how a test has ended on a target.
type result struct {
	Target  string   `json:"target"`
	Test    test     `json:"test"`
	Outcome outcome  `json:"outcome"`
	Says    []string `json:"says,omitempty"` // what the client says of it, unless it passed
	Seconds float64  `json:"seconds"`
}

func (r result) says() string { return strings.Join(r.Says, "; ") }
