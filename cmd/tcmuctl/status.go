package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

var statusCommand = command{
	name: "status", help: "show how tcmud and its devices get on",
	run: showStatus,
}

var logLevelCommand = command{
	name: "loglevel", help: "show what gets into tcmud's log, or set it until tcmud ends",
	params: []param{{name: "level", help: "the least that gets into it", is: logLevel}},
	run:    setLogLevel,
}

var logLevel = value{"DEBUG|INFO|WARN|ERROR", func(s string) (any, error) { return control.ParseLevel(s) },
	values("DEBUG", "INFO", "WARN", "ERROR")}

// daemonStatus is how the daemon gets on.
type daemonStatus struct {
	Version  string           `json:"version"`
	LogLevel string           `json:"log_level"`
	Health   control.Health   `json:"health"`
	Devices  []control.Device `json:"devices"`
}

func showStatus(ctx context.Context, at *node, _ args) (result, error) {
	s, err := at.session.daemonStatus(ctx)
	if err != nil {
		return result{}, err
	}
	return result{s.text(time.Now()), s}, nil
}

func (s *session) daemonStatus(ctx context.Context) (st daemonStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if st.Version, err = s.daemon.Version(ctx); err != nil {
		return st, err
	}
	level, err := s.daemon.LogLevel(ctx)
	if err != nil {
		return st, err
	}
	st.LogLevel = level.String()
	if st.Health, err = s.daemon.Health(ctx); err != nil {
		return st, err
	}
	st.Devices, err = s.daemon.Devices(ctx)
	return st, err
}

// text is the status for people.
func (s daemonStatus) text(now time.Time) string {
	lines := []string{
		"tcmud " + s.Version + ": " + s.summary(),
		fmt.Sprintf("running since %s (%v), log level %s", s.Health.Started.Local().Format(time.DateTime),
			now.Sub(s.Health.Started).Round(time.Second), s.LogLevel),
	}
	if len(s.Devices) > 0 {
		lines = append(lines, "", s.table())
	}
	return strings.Join(lines, "\n")
}

func (s daemonStatus) summary() string {
	text := fmt.Sprintf("%s, %d device", s.Health.Status, s.Health.Devices)
	if s.Health.Devices != 1 {
		text += "s"
	}
	if n := s.Health.Attaching; n > 0 {
		text += fmt.Sprintf(", %d attaching", n)
	}
	if n := len(s.Health.Failed); n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	return text
}

func (s daemonStatus) table() string {
	t := newTable(6, "DEVICE", "KIND", "STATE", "SIZE", "UIO", "ERROR")
	for _, d := range s.Devices {
		size := "-"
		if d.Size > 0 {
			size = humanSize(d.Size)
		}
		t.AppendRow(table.Row{deviceName(d.HBA, d.Name), d.Kind(), d.State, size, d.UIO, d.Error})
	}
	return t.Render()
}

func setLogLevel(ctx context.Context, at *node, a args) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if level, given := a["level"].(slog.Level); given {
		if err := at.session.daemon.SetLogLevel(ctx, level); err != nil {
			return result{}, err
		}
	}
	level, err := at.session.daemon.LogLevel(ctx)
	if err != nil {
		return result{}, err
	}
	return result{"Log level is " + level.String() + ".", control.LogLevel{Level: level}}, nil
}
