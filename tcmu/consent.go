package tcmu

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// The netlink command that ends the kernel's wait at an Added event, and the attribute with the verdict.
const (
	genlAddedDone = 4
	attrStatus    = 7 // s32, 0 or a negative errno
)

// Consent ends the kernel's wait for somebody's verdict on a new device: it may be enabled. The error says that it was
// too late: another daemon has answered, or the kernel does not wait.
//
// Only the program that serves the device may consent, and only when further changes of the device wait for nobody
// (nl_reply_supported is -1): the verdict of a slower daemon that comes during the next wait makes the kernel wait
// forever.
func (l *Listener) Consent(e Event) error {
	if err := consent(l.replies, l.family, e.ID); err != nil {
		return fmt.Errorf("%v: consent to device %d: %w", e.UIO, e.ID, err)
	}
	return nil
}

func consent(conn *genetlink.Conn, family uint16, id uint32) error {
	data, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: attrStatus, Data: make([]byte, 4)},
		{Type: attrDeviceID, Data: binary.NativeEndian.AppendUint32(nil, id)},
	})
	if err != nil {
		return err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: genlAddedDone, Version: 2}, Data: data}
	_, err = conn.Execute(m, family, netlink.Request|netlink.Acknowledge)
	return err
}
