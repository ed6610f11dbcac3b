package scsitest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

func TestReservedIsWellFormed(t *testing.T) {
	letters := func(s string, n int) bool { return len(s) == n && strings.Trim(s, "AC") == "" }
	for _, r := range scsitest.ReservedCommands {
		require.True(t, letters(r.Persistent, 5) && letters(r.SPC2, 2), r.Name)
		require.NotEmpty(t, scsitest.Hex(r.CDB), r.Name)
		require.False(t, r.Out != "" && r.In > 0, r.Name)
	}
	for _, a := range scsitest.ReservedActions {
		require.True(t, letters(a.Persistent, 4), a.Name)
	}
}

// Which column is whose, for a command that has an A in that column alone.
func TestColumns(t *testing.T) {
	column := func(r scsitest.Reserved, typ byte, role scsitest.Role) int {
		for i := range 5 {
			r.Persistent = "CCCCC"[:i] + "A" + "CCCCC"[i+1:]
			if r.Allowed(typ, role) {
				return i
			}
		}
		return -1
	}
	for _, want := range []struct {
		typ                  byte
		registrant, stranger int
	}{{1, 0, 0}, {3, 1, 1}, {5, 2, 3}, {6, 2, 4}, {7, 0, 3}, {8, 0, 4}} {
		require.Zero(t, column(scsitest.Reserved{}, want.typ, scsitest.Holder), "a holder may do all")
		require.Equal(t, want.registrant, column(scsitest.Reserved{}, want.typ, scsitest.Registrant), "type %d", want.typ)
		require.Equal(t, want.stranger, column(scsitest.Reserved{}, want.typ, scsitest.Stranger), "type %d", want.typ)
	}
	none := scsitest.Reserved{Persistent: "CCCCC"}
	require.True(t, none.Allowed(7, scsitest.Registrant), "one of the holders")
	require.False(t, none.Allowed(5, scsitest.Registrant))

	move := scsitest.ReservedAction{CDB: "5f 07 00 0000 00000018 00", Out: "00*24", Persistent: "ACAC"}
	require.True(t, move.Allowed(5, scsitest.Holder))
	require.False(t, move.Allowed(7, scsitest.Holder))
	require.False(t, move.Allowed(8, scsitest.Registrant))
	require.True(t, move.Allowed(6, scsitest.Registrant))
	require.False(t, move.Allowed(7, scsitest.Stranger))
	cdb, out := move.Request(5, 0xaa)
	require.Equal(t, scsitest.Hex("5f 07 05 0000 00000018 00"), cdb)
	require.Equal(t, scsitest.Hex("00*7 aa 00*16"), out)
}
