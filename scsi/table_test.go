package scsi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Units that are alike share what says so, and have their handlers for themselves.
func TestUnitsAlikeShareTheirRows(t *testing.T) {
	answering := func(r Result, change func([]Op) []Op) *Unit {
		rows := testRows()
		for i := range rows {
			rows[i].Do = func(*Command) Result { return r }
		}
		u, err := NewUnit(Config{Ops: change(rows)})
		require.NoError(t, err)
		return u
	}
	same := func(rows []Op) []Op { return rows }
	a, b := answering(Result{}, same), answering(MediumNotPresent, same)
	require.Same(t, a.table, b.table)
	inquiry := &Command{CDB: cdb(0x12)}
	require.True(t, a.Do(inquiry).OK())
	require.Equal(t, MediumNotPresent, b.Do(inquiry))

	for name, change := range map[string]func([]Op) []Op{
		"a row less":         func(rows []Op) []Op { return rows[1:] },
		"a row that is not":  func(rows []Op) []Op { rows[0].Absent = true; return rows },
		"other flags":        func(rows []Op) []Op { rows[1].Flags |= Prompt; return rows },
		"a field less":       func(rows []Op) []Op { rows[1].Fields = rows[1].Fields[1:]; return rows },
		"ignored no longer":  func(rows []Op) []Op { rows[1].Fields[2].Ignored = ""; return rows },
		"other reservations": func(rows []Op) []Op { rows[1].Access = Writes; return rows },
	} {
		t.Run(name, func(t *testing.T) { require.NotSame(t, a.table, answering(Result{}, change).table) })
	}
	require.Same(t, a.table, answering(Result{}, same).table)
}

func TestWhatIsGivenToNewUnitStaysAsItIs(t *testing.T) {
	rows := testRows()
	rows[2].Absent = true
	_, err := NewUnit(Config{Ops: rows})
	require.NoError(t, err)
	require.Len(t, rows, len(testRows()))
	for i, o := range testRows() {
		require.Equal(t, o.Name, rows[i].Name)
		require.NotNil(t, rows[i].Do)
	}
}
