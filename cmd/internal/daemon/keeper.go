package daemon

import (
	"errors"
	"fmt"
	"io/fs"
)

// What the kernel is told of a device whose unit keeps reservations and access states itself: to hand us the commands for
// them, and to refuse none.
var kept = []struct{ attribute, value string }{
	{"pgr_support", "0"}, {"alua_support", "0"}, {"emulate_pr", "1"},
}

// keepReservations has the kernel leave reservations and access states of the device to its unit. Where it does not,
// nothing is served: reservations that some commands do not know of protect nobody.
func (v *volume) keepReservations() error {
	for _, k := range kept {
		now, err := v.so.Attribute(k.attribute)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("this kernel cannot leave reservations to the disk, for there is no attribute %s: use reservations=kernel", k.attribute)
		}
		if err == nil && now != k.value {
			err = v.so.SetAttribute(k.attribute, k.value)
		}
		if err != nil {
			return fmt.Errorf("the kernel keeps reservations itself: set attribute %s to %s, if need be with the LUNs of the device deleted: %w", k.attribute, k.value, err)
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
	for _, k := range kept {
		failed = append(failed, v.so.SetAttribute(k.attribute, "1"))
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
