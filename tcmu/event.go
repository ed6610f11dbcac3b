package tcmu

import (
	"fmt"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// EventKind says what has happened.
type EventKind uint8

// Kinds of events.
const (
	// Lost: events went by unheard, more than there was room for or not to be understood. Scan says what is there now.
	Lost EventKind = iota
	Added
	Removed
	SizeChanged       // Event.Size. The kernel tells no initiator: that is the handler's, with a unit attention
	ConfigChanged     // Event.Config
	WriteCacheChanged // Event.WriteCache
)

func (k EventKind) String() string {
	names := [...]string{"lost", "added", "removed", "size changed", "config changed", "write cache changed"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("event %d", uint8(k))
}

// Event is a change to a device. That a value changed does not say that it is another than before: targetcli writes all
// of them again when it restores a configuration.
type Event struct {
	Kind EventKind
	UIO  UIO    // with the configuration string from before the change
	ID   uint32 // of the device, never used again (DEVICE_ID)

	Size       uint64 // new size in bytes, of SizeChanged
	Config     string // new configuration string, of ConfigChanged
	WriteCache bool   // of WriteCacheChanged
}

// Commands and attributes of the netlink family (enum tcmu_genl_cmd and tcmu_genl_attr).
const (
	genlAdded    = 1
	genlRemoved  = 2
	genlReconfig = 3

	attrDevice     = 1 // string, the name of the uio device
	attrMinor      = 2 // u32, its number
	attrConfig     = 4 // string
	attrSize       = 5 // u64
	attrWriteCache = 6 // u8
	attrDeviceID   = 8 // u32
)

// decodeEvents makes events of a message: one, or for a reconfiguration one for each change in it. A message that
// cannot be understood is an event lost.
func decodeEvents(m genetlink.Message) []Event {
	ad, err := netlink.NewAttributeDecoder(m.Data)
	if err != nil {
		return []Event{{Kind: Lost}}
	}
	var device Event
	var changes []Event
	named := false
	for ad.Next() {
		switch ad.Type() {
		case attrDevice:
			path := device.UIO.Path
			device.UIO, named = parseUIO(ad.String())
			device.UIO.Path = path
		case attrMinor:
			device.UIO.Path = fmt.Sprintf("/dev/uio%d", ad.Uint32())
		case attrDeviceID:
			device.ID = ad.Uint32()
		case attrConfig:
			changes = append(changes, Event{Kind: ConfigChanged, Config: ad.String()})
		case attrSize:
			changes = append(changes, Event{Kind: SizeChanged, Size: ad.Uint64()})
		case attrWriteCache:
			changes = append(changes, Event{Kind: WriteCacheChanged, WriteCache: ad.Uint8() != 0})
		}
	}
	switch m.Header.Command {
	case genlAdded:
		changes = []Event{{Kind: Added}}
	case genlRemoved:
		changes = []Event{{Kind: Removed}}
	case genlReconfig:
	default:
		return nil // a reply or a command, of no concern to a listener
	}
	if ad.Err() != nil || !named || device.UIO.Path == "" || len(changes) == 0 {
		return []Event{{Kind: Lost}}
	}
	for i := range changes {
		changes[i].UIO, changes[i].ID = device.UIO, device.ID
	}
	return changes
}
