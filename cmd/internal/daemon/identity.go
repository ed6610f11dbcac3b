package daemon

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/spc"
)

// revision is the PRODUCT REVISION LEVEL of a unit that nobody has given one.
const revision = "1.0"

// identity is what the volume answers INQUIRY with: what configfs holds at that moment, so that a name given late (rtslib
// writes the serial number after it has enabled the device) or changed counts at once, and what nobody has set by
// default. While the device is on its way out of configfs, the last answer stands.
func (v *volume) identity() spc.Identity {
	id, err := v.so.Identity()
	if err != nil {
		if last := v.lastIdentity.Load(); last != nil {
			return *last
		}
	}
	full := withDefaults(id, v.so)
	v.lastIdentity.Store(&full)
	return full
}

// withDefaults fills in what nobody has set as LIO would: its vendor, the name of the storage object, a serial number
// that is the same at each start.
func withDefaults(id lio.Identity, so lio.StorageObject) spc.Identity {
	full := spc.Identity{Vendor: id.Vendor, Product: id.Product, Revision: id.Revision, Serial: id.Serial}
	if full.Vendor == "" {
		full.Vendor = "LIO-ORG"
	}
	if full.Product == "" {
		full.Product = so.Name
	}
	if full.Revision == "" {
		full.Revision = revision
	}
	if full.Serial == "" {
		full.Serial = derivedSerial(machineID(), so)
	}
	return full
}

// derivedSerial is a serial number in the form of a UUID for a device that was given none. The machine's id is in it:
// two hosts may have devices of one name, and multipath must not take them for one disk.
func derivedSerial(machine string, so lio.StorageObject) string {
	h := sha256.Sum256(fmt.Appendf(nil, "tcmud\x00%s\x00%d\x00%s", machine, so.HBA, so.Name))
	h[6] = h[6]&0x0f | 0x80 // RFC 9562: version 8, of our own making
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// machineID is the host's own (machine-id(5)), empty where there is none.
var machineID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return string(b)
})
