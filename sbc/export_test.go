package sbc

// Closed says that Close has been called.
func (d *Disk) Closed() bool {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.closed
}

// Saved makes a job under way save its place now and not in a while.
func (d *Disk) Saved() error {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.work.savePlace()
}
