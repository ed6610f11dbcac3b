package scsi

import (
	"reflect"
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

// Whatever there is in a row counts, but for its handler; Absent no table has.
func TestRowsAreTheSameInAll(t *testing.T) {
	row := reflect.TypeFor[Op]()
	for i := range row.NumField() {
		f := row.Field(i)
		if !f.IsExported() || f.Name == "Do" || f.Name == "Absent" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			var a, b Op
			require.True(t, sameRow(a, b))
			differ(t, reflect.ValueOf(&b).Elem().Field(i))
			require.False(t, sameRow(a, b))
		})
	}
}

// differ makes a zero value another.
func differ(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.Kind() == reflect.String:
		v.SetString("1")
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case v.Kind() == reflect.Struct:
		differ(t, v.Field(0))
	default:
		require.Fail(t, "a field of a kind that has not been thought of", "%v", v.Kind())
	}
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
