package scsi

import (
	"fmt"
	"slices"
	"sync"
)

// table is rows without their handlers, found by operation code and service action. Units whose rows differ in nothing
// else share one, which makes a disk 40 KiB of heap instead of 125: there may be a thousand.
type table struct {
	ops          []Op // sorted by Code and SA; Do is nil
	first, count [256]uint16
}

// tables are all there have ever been. There are few: as many as kinds of units.
var tables struct {
	sync.Mutex
	all []*table
}

// newTable makes a table of rows, sorted and complete, which it takes over.
func newTable(ops []Op) (*table, error) {
	t := &table{ops: ops}
	for i := range ops {
		o := &ops[i]
		o.Do, o.row = nil, uint16(i)
		if t.count[o.Code] == 0 {
			t.first[o.Code] = uint16(i)
		} else if prev := &ops[i-1]; prev.SA == o.SA || (prev.SA == 0) != (o.SA == 0) {
			return nil, fmt.Errorf("%s and %s share %v and cannot be told apart", prev.Name, o.Name, o.Code)
		}
		t.count[o.Code]++
	}
	return t, nil
}

// shared is t, or what there has been before that is the same.
func (t *table) shared() *table {
	tables.Lock()
	defer tables.Unlock()
	if i := slices.IndexFunc(tables.all, func(have *table) bool { return slices.EqualFunc(have.ops, t.ops, sameRow) }); i >= 0 {
		return tables.all[i]
	}
	tables.all = append(tables.all, t)
	return t
}

// sameRow says whether two rows differ in their handlers at most: what is not compared here derives from what is. (To have
// reflect.DeepEqual compare tables took half of the time in which a disk is made.)
func sameRow(a, b Op) bool {
	return a.Code == b.Code && a.SA == b.SA && a.Name == b.Name && a.Spec == b.Spec && a.Len == b.Len && a.Xfer == b.Xfer &&
		a.Extent == b.Extent && a.Access == b.Access && a.Flags == b.Flags && slices.Equal(a.Fields, b.Fields)
}

// Ops is the unit's rows, sorted by operation code and service action, without their handlers. They are not to be changed.
func (t *table) Ops() []Op { return t.ops }

// Rows is the unit's rows of one operation code.
func (t *table) Rows(code Opcode) []Op {
	return t.ops[t.first[code]:][:t.count[code]]
}

// find looks up the row of a CDB.
func (t *table) find(cdb []byte) (*Op, Result) {
	if len(cdb) == 0 {
		return nil, InvalidCommandOperationCode
	}
	code := Opcode(cdb[0])
	rows := t.Rows(code)
	switch {
	case len(rows) == 0:
		return nil, InvalidCommandOperationCode
	case rows[0].SA == 0:
		return &rows[0], Result{}
	}
	at := code.actionField()
	if len(cdb) <= at.last() {
		return nil, InvalidFieldInCDB
	}
	sa := SA(uint16(at.Uint(cdb)))
	for i := range rows {
		if rows[i].SA == sa {
			return &rows[i], Result{}
		}
	}
	if code == VariableLength { // SBC-4 4.21.2.2: so end those that need protection information
		return nil, InvalidCommandOperationCode
	}
	return nil, InvalidFieldInCDB.At(at)
}
