package tcmu

import (
	"errors"
	"fmt"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// The netlink command by which a daemon tells the kernel what it can do, and the attribute of whether it answers events.
const (
	genlSetFeatures = 7
	attrReplies     = 9 // u8
)

// EndReplies tells the kernel that no daemon answers its events, so that it waits for none when devices are made from now
// on. A daemon that has told it the contrary and is gone leaves every creation and removal hanging; while one runs that
// does answer, as tcmu-runner, this takes its say from it.
func EndReplies() error {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("generic netlink: %w", err)
	}
	return errors.Join(endReplies(conn), conn.Close())
}

func endReplies(conn *genetlink.Conn) error {
	f, err := conn.GetFamily(family)
	if err != nil {
		return fmt.Errorf("netlink family %s: load target_core_user (modprobe target_core_user): %w", family, err)
	}
	data, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: attrReplies, Data: []byte{0}}})
	if err != nil {
		return err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: genlSetFeatures, Version: f.Version}, Data: data}
	if _, err := conn.Execute(m, f.ID, netlink.Request|netlink.Acknowledge); err != nil {
		return fmt.Errorf("netlink family %s: set features: %w", family, err)
	}
	return nil
}
