package tcmu

import (
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"
)

func TestEndReplies(t *testing.T) {
	var sent []genetlink.Message
	conn := genltest.Dial(genltest.ServeFamily(genetlink.Family{ID: 30, Version: 2, Name: "TCM-USER"}, func(m genetlink.Message, _ netlink.Message) ([]genetlink.Message, error) {
		if m.Data != nil { // the second time it is for the acknowledgement
			sent = append(sent, m)
		}
		return nil, nil
	}))
	require.NoError(t, endReplies(conn))
	require.NoError(t, conn.Close())
	require.Equal(t, []genetlink.Message{{
		Header: genetlink.Header{Command: 7, Version: 2},
		Data:   []byte{5, 0, 9, 0, 0, 0, 0, 0}, // nla_len, nla_type, one byte, padding
	}}, sent)
}

func TestEndRepliesWithoutTheModule(t *testing.T) {
	conn := genltest.Dial(genltest.ServeFamily(genetlink.Family{ID: 30, Version: 2, Name: "OTHER"}, func(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
		return nil, genltest.Error(2) // ENOENT
	}))
	defer conn.Close()
	require.ErrorContains(t, endReplies(conn), "modprobe target_core_user")
}
