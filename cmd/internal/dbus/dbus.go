// Package dbus offers the daemon's handlers on the system bus, where targetcli looks for them: what is offered there it
// shows as "user:NAME", and creates.
//
// The bus name that it asks, org.kernel.TCMUService1, is tcmu-runner's. While tcmu-runner has it, the handlers are
// registered with tcmu-runner, which then shows them beside its own; else the name is ours.
//
//	dbus.go     what a handler is, and the connection
//	service.go  whose the name is, and what follows from it
//	objects.go  what is on the bus under our name
package dbus

import (
	"context"
	"errors"
	"log/slog"

	"github.com/godbus/dbus/v5"
)

// Handler is one that serves the configuration strings that begin with its name and a slash.
type Handler struct {
	Name        string // letters only: it becomes part of names on the bus
	Description string // of what comes after the slash, for an administrator
	// Check says what is wrong with a whole configuration string, if anything is. It may be called concurrently.
	Check func(config string) error
	// StandsIn: tcmu-runner has a handler of this name, or may have; while it runs, ours is not offered.
	StandsIn bool
}

// Serve offers handlers on the system bus until ctx ends or the bus does; beside is called before they are registered with
// a tcmu-runner. The daemon can do without, so what goes wrong is logged.
func Serve(ctx context.Context, handlers []Handler, beside func() error, log *slog.Logger) {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		log.Info("no system bus: targetcli cannot create our devices", "err", err)
		return
	}
	if err := serve(ctx, conn, handlers, beside, log); err != nil {
		log.Error("targetcli does not find us on the system bus", "err", err)
	}
}

// serve is Serve on a bus that is there. It closes conn.
func serve(ctx context.Context, conn *dbus.Conn, handlers []Handler, beside func() error, log *slog.Logger) error {
	defer conn.Close()
	s := &service{conn: conn, handlers: handlers, beside: beside, log: log}
	if err := s.export(); err != nil {
		return err
	}
	changes, err := s.watch()
	if err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return err
	}
	for {
		if err := s.settle(); conn.Context().Err() != nil {
			return errors.New("the system bus has ended: start tcmud again once it is back")
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // with the connection, all names are given back
		case <-changes:
		case <-conn.Context().Done():
		}
	}
}
