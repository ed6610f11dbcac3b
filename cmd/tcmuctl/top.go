package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// askTime is how long the daemon may take to answer what it knows.
const askTime = 10 * time.Second

var topCommand = command{
	name: "top", help: "show what each device does, again and again: on a terminal until q or Ctrl-C",
	params: []param{
		{name: "interval", help: "seconds between two looks; 1 if left out", is: seconds},
		{name: "count", help: "how many times to show it; without end if left out", is: number},
	},
	run: top,
}

// seconds is a time from a tenth of a second to an hour.
var seconds = value{"SECONDS", parseSeconds, nil}

func parseSeconds(s string) (any, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0.1 && n <= 3600) {
		return nil, fmt.Errorf("%q is no interval: give seconds, from 0.1 to 3600", s)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// activity is what all devices did in an interval: what top shows, or prints as JSON, one on each line.
type activity struct {
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"` // since the one before
	Devices []rates   `json:"devices"`
}

func top(ctx context.Context, at *node, a args) (result, error) {
	interval, ok := a["interval"].(time.Duration)
	if !ok {
		interval = time.Second
	}
	screen, err := openScreen(at.session.console)
	if err != nil {
		return result{}, err
	}
	err = at.session.watch(ctx, interval, a.number("count", 0), screen)
	return result{}, errors.Join(err, screen.close())
}

// watch shows what the devices do after each interval, count times or without end, until it is told to leave.
func (s *session) watch(ctx context.Context, interval time.Duration, count int, screen *screen) error {
	before, began, err := s.devices(ctx)
	for n := 0; err == nil && (count == 0 || n < count); n++ {
		if leave := screen.wait(ctx, interval-time.Since(began)); leave {
			return nil
		}
		var now []control.Device
		var then time.Time
		if now, then, err = s.devices(ctx); err != nil {
			break
		}
		took := then.Sub(began)
		err = screen.show(activity{then, took.Seconds(), ratesBetween(before, now, took)}, n == 0)
		before, began = now, then
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C is how one leaves
	}
	return err
}

// devices is what the daemon knows, and when it said so.
func (s *session) devices(ctx context.Context) ([]control.Device, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	list, err := s.daemon.Devices(ctx)
	return list, time.Now(), err
}

// table is the activity for people, in lines.
func (s activity) table() []string {
	t := newTable(2, "DEVICE", "KIND", "READ/s", "WRITE/s", "OTHER/s", "READ MB/s", "WRITE MB/s", "MEAN", "99 %", "QUEUE", "ERRORS/s")
	var total rates
	for _, r := range s.Devices {
		t.AppendRow(append(table.Row{deviceName(r.HBA, r.Name), r.Kind}, r.cells()...))
		total.add(r)
	}
	if len(s.Devices) > 1 {
		t.AppendRow(append(table.Row{"all", ""}, total.cells()...))
	}
	return strings.Split(t.Render(), "\n")
}

// cells are the figures of a row.
func (r rates) cells() table.Row {
	return table.Row{
		fmt.Sprintf("%.0f", r.Read.Commands), fmt.Sprintf("%.0f", r.Write.Commands), fmt.Sprintf("%.0f", r.Other.Commands),
		fmt.Sprintf("%.1f", r.Read.Bytes/1e6), fmt.Sprintf("%.1f", r.Write.Bytes/1e6),
		latency(r.All.Mean), latency(r.All.P99), fmt.Sprintf("%.1f", r.Queue), fmt.Sprintf("%.0f", r.Errors),
	}
}

// add adds up what can be added up; latencies cannot.
func (r *rates) add(o rates) {
	r.Read.Commands += o.Read.Commands
	r.Write.Commands += o.Write.Commands
	r.Other.Commands += o.Other.Commands
	r.Read.Bytes += o.Read.Bytes
	r.Write.Bytes += o.Write.Bytes
	r.Queue += o.Queue
	r.Errors += o.Errors
}

// latency is a time with three digits that matter; none is a dash.
func latency(seconds float64) string {
	d := time.Duration(math.Round(seconds * float64(time.Second)))
	if d == 0 {
		return "-"
	}
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

func deviceName(hba int, name string) string { return fmt.Sprintf("user_%d/%s", hba, name) }
