package tcmu

import (
	"encoding/binary"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestConsent(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes here are those of a little-endian machine")
	}
	var sent []genetlink.Message
	var families []netlink.HeaderType
	conn := genltest.Dial(func(m genetlink.Message, raw netlink.Message) ([]genetlink.Message, error) {
		if m.Data != nil { // the second time it is for the acknowledgement
			sent, families = append(sent, m), append(families, raw.Header.Type)
		}
		return nil, nil
	})
	l := &Listener{replies: conn, family: 30}
	require.NoError(t, l.Consent(Event{Kind: Added, ID: 298}))
	require.NoError(t, conn.Close())
	require.Equal(t, []genetlink.Message{{
		Header: genetlink.Header{Command: 4, Version: 2}, // ADDED_DEVICE_DONE
		Data: []byte{
			8, 0, 7, 0, 0, 0, 0, 0, // CMD_STATUS 0
			8, 0, 8, 0, 0x2a, 1, 0, 0, // DEVICE_ID
		},
	}}, sent)
	require.Equal(t, []netlink.HeaderType{30}, families)
}

func TestConsentTooLate(t *testing.T) {
	conn := genltest.Dial(func(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
		return nil, genltest.Error(int(unix.ENODEV))
	})
	defer conn.Close()
	err := (&Listener{replies: conn}).Consent(Event{Kind: Added, UIO: UIO{HBA: 3, Name: "rd0"}, ID: 298})
	require.ErrorIs(t, err, unix.ENODEV)
	require.ErrorContains(t, err, "user_3/rd0: consent to device 298")
}
