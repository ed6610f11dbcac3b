package sbc

import "github.com/tcmud/tcmud/scsi"

// Restore brings back what Config.State holds: it is called once, before the first command. After an error the disk is
// write protected, for nobody knows what it was to be - a sanitize operation may have had an end to come to - and says
// so to those who ask for the mode pages. It stays so until a disk is made of what is not damaged.
func (d *Disk) Restore() error {
	err := d.primary.Restore()
	if err != nil {
		d.changing.Lock()
		defer d.changing.Unlock()
		d.damaged = true
		d.protect()
	}
	return err
}

// protect makes true what the store, the attributes and Restore say of writing. The caller holds changing.
func (d *Disk) protect() {
	d.Set(scsi.WriteProtect, d.traits.ReadOnly || d.damaged || d.attributes.Load().WriteProtect)
}
