package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

const (
	// serveTime is how long the daemon may take to serve a new device: opening a file on a slow network disk counts.
	serveTime = 30 * time.Second
	// forgetTime is how long it may take to let go of a device that has gone.
	forgetTime = 5 * time.Second
	// pollTime is between two questions where there is no long poll.
	pollTime = 10 * time.Millisecond
)

// waitServed waits until the daemon serves so, and returns the reason when it cannot.
func (s *session) waitServed(ctx context.Context, so lio.StorageObject) error {
	born, err := so.Incarnation()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serveTime)
	defer cancel()
	for {
		d, err := s.daemon.Wait(ctx, so.HBA, so.Name)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("tcmud has not begun to serve %s within %v: its log says why", so.Name, serveTime)
		case err != nil:
			return err
		case d.Incarnation != born:
			// An earlier device of the same name, which the daemon has not let go of yet.
			if !sleep(ctx, pollTime) {
				return ctx.Err()
			}
		case d.State == control.Serving:
			return nil
		case d.State == control.Failed:
			return fmt.Errorf("tcmud cannot serve %s: %s", so.Name, d.Error)
		default:
			return fmt.Errorf("tcmud does not serve %s: it is %s: try again", so.Name, d.State)
		}
	}
}

// told is a change of an attribute of which the kernel tells the daemon.
type told struct{ attribute, before, value string }

// tell changes an attribute of o, with which the daemon got on as now says, and waits until it has followed. When it
// cannot, the error is the reason, and the attribute is as before.
func (s *session) tell(ctx context.Context, o object, now control.Device, t told, followed func(control.Device) bool) error {
	if err := o.SetAttribute(t.attribute, t.value); err != nil {
		return err
	}
	err := s.waitFollowed(ctx, o, now, followed)
	if err != nil {
		err = errors.Join(err, o.SetAttribute(t.attribute, t.before))
	}
	return err
}

// waitFollowed waits until the daemon serves o as it should. An error that it had before is not an answer, unless there
// comes no other.
func (s *session) waitFollowed(ctx context.Context, o object, before control.Device, followed func(control.Device) bool) error {
	limit := time.Now().Add(serveTime)
	for {
		d, err := s.daemon.Device(ctx, o.HBA, o.Name)
		late := time.Now().After(limit)
		switch {
		case err != nil:
			return err
		case d.State == control.Serving && followed(d):
			return nil
		case d.Error != "" && (d.Error != before.Error || late):
			return fmt.Errorf("tcmud: %s", d.Error)
		case late:
			return fmt.Errorf("tcmud has not followed within %v: its log says why", serveTime)
		case !sleep(ctx, pollTime):
			return ctx.Err()
		}
	}
}

// deleteLUN deletes a LUN. Where nobody serves its device, what it has in flight cannot end well: it is ended before.
func (s *session) deleteLUN(ctx context.Context, l lio.LUN) error {
	so, err := l.StorageObject()
	switch {
	case err != nil || !s.abandoned(ctx, so):
		return l.Delete()
	case !l.TPG.Target.Fabric.Has(lio.Disks):
		return deleteStopped(l, so)
	}
	if err := l.Abandon(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.Delete()
}

// deleteStopped deletes a LUN while its device turns away all commands with BUSY. Initiators repeat them, and one that
// got into the ring would make the deletion wait for its time-out.
func deleteStopped(l lio.LUN, so lio.StorageObject) error {
	if err := so.BlockDev(true); err != nil {
		return err
	}
	err := so.ResetRing(lio.ResetBusy)
	if err == nil {
		err = l.Delete()
	}
	return errors.Join(err, so.BlockDev(false))
}

// abandoned reports whether so is ours to serve and not served: there is no daemon, or it has failed.
func (s *session) abandoned(ctx context.Context, so lio.StorageObject) bool {
	o, err := classify(so)
	if err != nil || !o.ours {
		return false
	}
	devices, err := once(s, "devices", func() ([]control.Device, error) { return s.daemon.Devices(ctx) })
	var down *control.NotRunningError
	if errors.As(err, &down) {
		return true
	}
	born, _ := so.Incarnation()
	return slices.ContainsFunc(devices, func(d control.Device) bool {
		return d.Incarnation == born && d.State == control.Failed
	})
}

// waitForgotten gives the daemon time to let go of devices that were deleted, so that their files and names can be used
// again at once. A daemon that does not run holds on to nothing, and one that takes longer only makes that later.
func (s *session) waitForgotten(ctx context.Context, born ...uint64) {
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	for {
		devices, err := s.daemon.Devices(ctx)
		held := slices.ContainsFunc(devices, func(d control.Device) bool { return slices.Contains(born, d.Incarnation) })
		if err != nil || !held || !sleep(ctx, pollTime) {
			return
		}
	}
}

// sleep waits for d; it is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
