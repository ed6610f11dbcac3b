package tcmu

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/stretchr/testify/require"
)

// Attributes as the kernel sends them, by hand. Numbers are in the machine's byte order, which is little-endian on all
// that tcmud is built for but s390x.
var (
	deviceAttr = []byte{
		26, 0, 1, 0, // 26 bytes, DEVICE
		't', 'c', 'm', '-',
		'u', 's', 'e', 'r',
		'/', '3', '/', 'r',
		'd', '0', '/', 'a',
		'/', 'b', '/', 'c',
		'd', 0, 0, 0, // NUL, padding
	}
	minorAttr      = []byte{8, 0, 2, 0, 17, 0, 0, 0}
	deviceIDAttr   = []byte{8, 0, 8, 0, 0x2a, 1, 0, 0}
	sizeAttr       = []byte{12, 0, 5, 0, 0, 0, 0, 0x40, 1, 0, 0, 0} // 5 GiB
	configAttr     = []byte{8, 0, 4, 0, 'x', '/', 'y', 0}
	writeCacheAttr = []byte{5, 0, 6, 0, 1, 0, 0, 0}
	padAttr        = []byte{4, 0, 3, 0}
)

func message(command uint8, attrs ...[]byte) genetlink.Message {
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: 2}}
	for _, a := range attrs {
		m.Data = append(m.Data, a...)
	}
	return m
}

func TestDecodeEvents(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes here are those of a little-endian machine")
	}
	rd0 := UIO{Path: "/dev/uio17", HBA: 3, Name: "rd0", Config: "a/b/cd"}
	lost := []Event{{Kind: Lost}}
	for _, c := range []struct {
		name string
		m    genetlink.Message
		want []Event
	}{
		{"added", message(1, deviceAttr, minorAttr, deviceIDAttr), []Event{{Kind: Added, UIO: rd0, ID: 298}}},
		{"attributes in another order", message(1, deviceIDAttr, minorAttr, deviceAttr), []Event{{Kind: Added, UIO: rd0, ID: 298}}},
		{"removed", message(2, deviceAttr, minorAttr, deviceIDAttr), []Event{{Kind: Removed, UIO: rd0, ID: 298}}},
		{"size", message(3, deviceAttr, minorAttr, deviceIDAttr, padAttr, sizeAttr),
			[]Event{{Kind: SizeChanged, UIO: rd0, ID: 298, Size: 5 << 30}}},
		{"config", message(3, deviceAttr, minorAttr, deviceIDAttr, configAttr),
			[]Event{{Kind: ConfigChanged, UIO: rd0, ID: 298, Config: "x/y"}}},
		{"write cache", message(3, deviceAttr, minorAttr, deviceIDAttr, writeCacheAttr),
			[]Event{{Kind: WriteCacheChanged, UIO: rd0, ID: 298, WriteCache: true}}},
		{"two changes at once", message(3, deviceAttr, minorAttr, deviceIDAttr, sizeAttr, writeCacheAttr),
			[]Event{{Kind: SizeChanged, UIO: rd0, ID: 298, Size: 5 << 30}, {Kind: WriteCacheChanged, UIO: rd0, ID: 298, WriteCache: true}}},
		{"attribute of a later kernel", message(1, deviceAttr, minorAttr, deviceIDAttr, []byte{8, 0, 99, 0, 1, 2, 3, 4}),
			[]Event{{Kind: Added, UIO: rd0, ID: 298}}},
		{"somebody's reply", message(4, deviceIDAttr), nil},
		{"reconfiguration without a change", message(3, deviceAttr, minorAttr, deviceIDAttr), lost},
		{"no device", message(1, minorAttr, deviceIDAttr), lost},
		{"no minor", message(1, deviceAttr, deviceIDAttr), lost},
		{"not a name of ours", message(1, []byte{8, 0, 1, 0, 'a', '/', 'b', 0}, minorAttr), lost},
		{"size of four bytes", message(3, deviceAttr, minorAttr, []byte{8, 0, 5, 0, 1, 0, 0, 0}), lost},
		{"attribute longer than the message", message(1, deviceAttr, minorAttr, []byte{99, 0, 8, 0, 1, 0, 0, 0}), lost},
		{"nothing", message(1), lost},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, decodeEvents(c.m)) })
	}
}

// FuzzNetlink holds that a message of whatever bytes is either nothing, or lost, or all of an event.
func FuzzNetlink(f *testing.F) {
	f.Add(uint8(1), message(1, deviceAttr, minorAttr, deviceIDAttr).Data)
	f.Add(uint8(2), message(2, deviceAttr, minorAttr, deviceIDAttr).Data)
	f.Add(uint8(3), message(3, deviceAttr, minorAttr, deviceIDAttr, padAttr, sizeAttr).Data)
	f.Add(uint8(3), message(3, deviceAttr, minorAttr, configAttr, writeCacheAttr).Data)
	f.Add(uint8(1), []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, command uint8, data []byte) {
		for _, e := range decodeEvents(genetlink.Message{Header: genetlink.Header{Command: command}, Data: data}) {
			if e.Kind == Lost {
				require.Equal(t, Event{}, e)
				continue
			}
			require.NotEmpty(t, e.UIO.Name)
			require.Regexp(t, `^/dev/uio\d+$`, e.UIO.Path)
			require.LessOrEqual(t, e.Kind, WriteCacheChanged)
		}
	})
}

func TestEventKindString(t *testing.T) {
	require.Equal(t, "added", Added.String())
	require.Equal(t, "event 99", EventKind(99).String())
}

// Every kernel has this family and this group, so the socket's part of Listen can run without TCMU.
func TestListenerEndsWhenClosed(t *testing.T) {
	l, err := listen("nlctrl", "notify")
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := l.Next()
		ended <- err
	}()
	time.Sleep(10 * time.Millisecond) // most often it waits by then; if not, Next fails at once, which is as good
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, os.ErrClosed)
}

func TestListenSaysWhatIsMissing(t *testing.T) {
	_, err := listen("no such family", "notify")
	require.ErrorContains(t, err, "modprobe target_core_user")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = listen("nlctrl", "no such group")
	require.ErrorContains(t, err, "no group")
}
