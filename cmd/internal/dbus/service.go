package dbus

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Names that targetcli and tcmu-runner agree upon. The name of the service is also that of the interface of each
// handler, whose objects are below servicePath; others' handlers have their objects below managerPath.
const (
	serviceName      = "org.kernel.TCMUService1"
	servicePath      = dbus.ObjectPath("/org/kernel/TCMUService1")
	managerInterface = serviceName + ".HandlerManager1"
	managerPath      = servicePath + "/HandlerManager1"
)

// busName is the bus itself, as a peer.
const busName = "org.freedesktop.DBus"

// service is our handlers on a bus.
type service struct {
	conn     *dbus.Conn
	handlers []Handler
	beside   func() error // called before tcmu-runner is given our handlers
	log      *slog.Logger

	mu    sync.Mutex
	owner string // guarded by mu: who has the service's name, as far as we have acted upon it
}

// watch tells of each change of the service name's owner.
func (s *service) watch() (<-chan *dbus.Signal, error) {
	changes := make(chan *dbus.Signal, 16)
	s.conn.Signal(changes)
	return changes, s.conn.AddMatchSignal(dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, serviceName))
}

// claim gets us the service's name, or into the queue for it: when its owner goes, it is ours without a moment in which
// the bus would start tcmu-runner for whoever asks.
func (s *service) claim() error {
	if _, err := s.conn.RequestName(serviceName, 0); err != nil {
		return fmt.Errorf("no right to the name %s: is org.kernel.TCMUService1.tcmud.conf in /etc/dbus-1/system.d or /usr/share/dbus-1/system.d? %w",
			serviceName, err)
	}
	return nil
}

// settle does what follows from whose the name is now.
func (s *service) settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var owner string
	err := s.conn.BusObject().Call(busName+".GetNameOwner", 0, serviceName).Store(&owner)
	if e := (dbus.Error{}); errors.As(err, &e) && e.Name == busName+".Error.NameHasNoOwner" {
		return nil // in between: it will change again
	}
	if err != nil || owner == s.owner {
		return err
	}
	s.owner = owner
	if owner == s.conn.Names()[0] {
		s.log.Info("targetcli finds us on the system bus", "name", serviceName)
		return nil
	}
	if err := s.beside(); err != nil {
		return err
	}
	for _, h := range s.handlers {
		if h.StandsIn {
			continue
		}
		if err := s.register(h, owner); err != nil {
			s.log.Error("tcmu-runner does not take our handler: targetcli cannot create our devices", "handler", h.Name, "err", err)
			continue
		}
		s.log.Info("targetcli finds us beside tcmu-runner on the system bus", "handler", h.Name)
	}
	return nil
}

// register has tcmu-runner, whose unique name is owner, offer h beside its own handlers. It passes on what it is asked
// about it to a name that we must have, and forgets h when we lose that name.
func (s *service) register(h Handler, owner string) error {
	if _, err := s.conn.RequestName(managerInterface+"."+h.Name, dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	var ok bool
	var message string
	call := s.conn.Object(owner, managerPath).Call(managerInterface+".RegisterHandler", dbus.FlagNoAutoStart, h.Name, h.Description)
	if err := call.Store(&ok, &message); err != nil {
		return err
	}
	if !ok {
		return errors.New(message)
	}
	return nil
}

// yield gives the name to tcmu-runner if that has come after us and waits for it: tcmu-runner can offer our handlers, we
// cannot offer its. It returns the unique name of the name's owner, empty when that is us. The bus tells nobody of who
// waits for a name, so this is found out when it matters.
func (s *service) yield() (owner string, err error) {
	queue, err := s.queue()
	us := s.conn.Names()[0]
	if err != nil || len(queue) == 0 || queue[0] == us && len(queue) == 1 {
		return "", err
	}
	if queue[0] != us {
		return queue[0], nil
	}
	if _, err := s.conn.ReleaseName(serviceName); err != nil {
		return "", err
	}
	if err := s.claim(); err != nil {
		return "", err
	}
	if err := s.settle(); err != nil {
		return "", err
	}
	if queue, err = s.queue(); err != nil || len(queue) == 0 || slices.Index(queue, us) == 0 {
		return "", err
	}
	return queue[0], nil
}

// queue is who has the service's name, and then who waits for it.
func (s *service) queue() (names []string, err error) {
	err = s.conn.BusObject().Call(busName+".ListQueuedOwners", 0, serviceName).Store(&names)
	return names, err
}
