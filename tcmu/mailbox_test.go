package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMailbox(t *testing.T) {
	littleEndian(t)
	mem := image()
	mem[12], mem[64] = 0x18, 0x10
	m, err := readMailbox(mem)
	require.NoError(t, err)
	require.Equal(t, OutOfOrder|ReadLength|TaskManagement|KeepBuffer, m.features)
	require.EqualValues(t, 0x80, m.begin)
	require.EqualValues(t, 0x1000, m.end)
	require.EqualValues(t, 0x18, m.head.Load())
	require.EqualValues(t, 0x10, m.tail.Load())
	m.tail.Store(0x01020308)
	require.Equal(t, []byte{8, 3, 2, 1}, mem[64:68])
}

func TestMailboxRefused(t *testing.T) {
	littleEndian(t)
	for _, c := range []struct {
		name  string
		spoil func(mem []byte) []byte
		want  string
	}{
		{"empty map", func(mem []byte) []byte { return nil }, "the map has 0 bytes"},
		{"no whole mailbox", func(mem []byte) []byte { return mem[:127] }, "the map has 127 bytes"},
		{"version 1", func(mem []byte) []byte { mem[0] = 1; return mem }, "mailbox version 1"},
		{"version 3", func(mem []byte) []byte { mem[0] = 3; return mem }, "mailbox version 3"},
		{"ring in the mailbox", func(mem []byte) []byte { mem[4] = 0x78; return mem }, "the ring at 0x78"},
		{"ring not aligned", func(mem []byte) []byte { mem[4] = 0x84; return mem }, "the ring at 0x84"},
		{"ring without room for a command", func(mem []byte) []byte { mem[8], mem[9] = 0x68, 0; return mem }, "104 bytes of ring"},
		{"size not aligned", func(mem []byte) []byte { mem[8] = 0x84; return mem }, "3972 bytes of ring"},
		{"ring longer than the map", func(mem []byte) []byte { mem[9] = 0x30; return mem }, "of a map of 12288 bytes"},
		{"ring past 4 GiB", func(mem []byte) []byte { copy(mem[8:], []byte{0xf8, 0xff, 0xff, 0xff}); return mem }, "4294967288 bytes"},
		{"tail past the ring", func(mem []byte) []byte { mem[64], mem[65] = 0x80, 0x0f; return mem }, "the tail is there"},
		{"tail not aligned", func(mem []byte) []byte { mem[64] = 4; return mem }, "the tail is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newRing(c.spoil(image()))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestNarrowProcessIsRefused(t *testing.T) {
	require.NoError(t, checkWidth(64))
	require.ErrorContains(t, checkWidth(32), "build with GOARCH=amd64")
}

func TestFeaturesString(t *testing.T) {
	require.Equal(t, "OOOC|READ_LEN|TMR|KEEP_BUF", Features(15).String())
	require.Equal(t, "READ_LEN|0x30", Features(0x32).String())
	require.Equal(t, "0x0", Features(0).String())
}
