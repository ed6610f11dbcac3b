package daemon

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tcmud/tcmud/lio"
)

// kept are the attributes by which the kernel hands us the commands for reservations and access states, and refuses none. They
// have to be as lio.EngineAttributes has them.
var kept = []string{"pgr_support", "alua_support", "emulate_pr"}

// keepReservations has the kernel leave reservations and access states of the device to its unit. Where it does not,
// nothing is served: reservations that some commands do not know of protect nobody.
func (v *volume) keepReservations() error {
	want := lio.EngineAttributes()
	for _, attribute := range kept {
		now, err := v.so.Attribute(attribute)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("this kernel cannot leave reservations to the disk, for there is no attribute %s: use reservations=kernel", attribute)
		}
		if err == nil && now != want[attribute] {
			err = v.so.SetAttribute(attribute, want[attribute])
		}
		if err != nil {
			return fmt.Errorf("the kernel keeps reservations itself: set attribute %s to %s, if need be with the LUNs of the device deleted: %w", attribute, want[attribute], err)
		}
	}
	return nil
}

// returnReservations has the kernel keep them again, as by default, when a configuration string says so that did not before.
func (v *volume) returnReservations(before, text string) error {
	old, err1 := parseConfig(before)
	now, err2 := parseConfig(text)
	if err1 != nil || err2 != nil || !old.Options.Engine || now.Options.Engine {
		return nil
	}
	var failed []error
	for _, attribute := range kept {
		failed = append(failed, v.so.SetAttribute(attribute, "1"))
	}
	return errors.Join(failed...)
}

// hearOfTasks has the kernel tell of task management functions, which Linux can from 5.9 on.
func (v *volume) hearOfTasks() {
	now, err := v.so.Attribute("tmr_notification")
	if err == nil && now != "1" {
		err = v.so.SetAttribute("tmr_notification", "1")
	}
	if err != nil {
		v.log.Info("aborts and logical unit resets will not be noticed", "err", err)
	}
}
