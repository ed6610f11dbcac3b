package spc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// FuzzRestore: whatever is in a record, pages keep their form, and bits that nobody can change their values.
func FuzzRestore(f *testing.F) {
	for _, modes := range []string{"", "a1 03 11 00 05", "8a 0a ff*10", "ca 01 001c ff*28", "ca 01 ffff", "a1", "83 02 ffff a1 03 ff ff 05"} {
		for _, log := range []string{"", "0002 01 06 323032363437", "0004 03 04 ffffffff 0004 03 04 00000001", "0002 01 ff", "0001 03 10 2f ff*15", "00"} {
			f.Add(scsitest.Hex(modes), scsitest.Hex(log))
		}
	}
	f.Fuzz(func(t *testing.T, modes, log []byte) {
		m := newMemory()
		m.records["mode-pages"] = modes
		for _, page := range []string{"0e", "0f", "10"} {
			m.records["log-page-"+page+"-00"] = log
		}
		s := newCounting(t, func(c *spc.Config) {
			c.State = m
			c.Modes = []spc.ModePage{{Code: 0x21, Default: []byte{2: 0x11, 4: 0x00}, Changeable: []byte{4: 0xff}}}
		})
		if err := s.device.Restore(); err != nil {
			require.NotEmpty(t, append(modes, log...), err)
		}
		all := s.a.Fetch("5a 08 3f ff 000000 ffff 00", 0xffff).Data()
		changeable := s.a.Fetch("5a 08 7f ff 000000 ffff 00", 0xffff).Data()
		byDefault := s.a.Fetch("5a 08 bf ff 000000 ffff 00", 0xffff).Data()
		require.Len(t, all, len(byDefault))
		for i := 8; i < len(all); i++ {
			require.Zero(t, (all[i]^byDefault[i])&^changeable[i], "byte %d", i)
		}
		for page, n := range map[string]int{"4e": 40, "4f": 4 + 64*256, "50": 4 + 20*20} {
			require.Len(t, s.a.Fetch("4d 00 "+page+" 00 00 0000 ffff 00", 0xffff).Data(), n)
		}
	})
}
