package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// quietTime is how long something takes before its progress is shown.
const quietTime = 2 * time.Second

// progress shows how far something is that takes long, on a terminal.
type progress struct {
	bar   *progressbar.ProgressBar // nil: nobody looks
	begun time.Time
	done  int
}

// progress begins to show how many of total steps are done. end must be called.
func (s *session) progress(what string, total int) *progress {
	p := &progress{begun: time.Now()}
	if s.watched != nil {
		p.bar = newBar(s.watched, what, total)
	}
	return p
}

func newBar(w io.Writer, what string, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)
}

// step says that one more step is done.
func (p *progress) step() {
	p.done++
	if p.shown() {
		_ = p.bar.Set(p.done) // a terminal that has gone does not stop the work
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.shown() {
		_ = p.bar.Clear()
	}
}

func (p *progress) shown() bool { return p.bar != nil && time.Since(p.begun) > quietTime }
