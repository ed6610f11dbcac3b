package daemon

import (
	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/sgio"
)

// openPassthrough opens a SCSI device of this host to hand commands to: there is no store, and no disk of ours.
func (v *volume) openPassthrough(path string) (backend.Store, scsi.Handler, error) {
	dev, err := sgio.Open(path)
	if err != nil {
		return nil, notReady, err
	}
	dev.Report = v.report
	return nil, dev, nil
}

// waits says whether commands wait for a device, and want goroutines of their own.
func waits(store backend.Store, h scsi.Handler) bool {
	_, passes := h.(*sgio.Device)
	if u, ok := h.(*unit); ok {
		store = u.store // also of a nexus, which has none of its own
	}
	return passes || store != nil && backend.Resolve(store).Traits().Blocking
}
