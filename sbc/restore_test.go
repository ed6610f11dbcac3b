package sbc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/spc"
)

// keeping is a disk that remembers in a file at path.
func keeping(path string) func(*sbc.Config) {
	return func(c *sbc.Config) { c.State = spc.OpenState(path) }
}

// A disk whose memory is damaged is not written to, whatever its attributes say, until that has been seen to.
func TestDamagedStateProtects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	d := newDisk(t, newRecorder(1<<20), keeping(path))
	require.NoError(t, d.Restore())
	h := host(t, d)
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good()

	require.NoError(t, os.WriteFile(path, []byte("tcmud"), 0o600))
	d = newDisk(t, newRecorder(1<<20), keeping(path))
	h = host(t, d)
	require.ErrorContains(t, d.Restore(), path)
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 00")
	h.Fetch("28 00 00000000 00 0001 00", 512).Good("00*512")
	d.SetAttributes(sbc.Attributes{})
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 00")
	require.Equal(t, byte(0x80), h.Fetch("1a 08 3f 00 04 00", 4).Data()[2]&0x80, "WP")
}
