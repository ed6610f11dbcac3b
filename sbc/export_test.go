package sbc

// Suspended says that Suspend has been called.
func (d *Disk) Suspended() bool {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.suspended
}

// Saved makes a job under way save its place now and not in a while.
func (d *Disk) Saved() error {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.work.savePlace()
}
