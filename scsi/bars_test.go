package scsi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBars has a line for each bar: which access classes it leaves room for. The upper case letters are those of START STOP
// UNIT and PREVENT ALLOW MEDIUM REMOVAL where they do no harm.
func TestBars(t *testing.T) {
	start, stop := cdb(0x1b, 0, 0, 0, 0x01), cdb(0x1b)
	prevent, allow := cdb(0x1e, 0, 0, 0, 0x01), cdb(0x1e)
	commands := []struct {
		letter string
		op     Op
		cdb    []byte
	}{
		{"a", Op{Access: Always}, nil}, {"r", Op{Access: Reads}, nil}, {"w", Op{Access: Writes}, nil},
		{"s", Op{Access: Starts}, stop}, {"S", Op{Access: Starts}, start}, {"s", Op{Access: Starts}, cdb(0x1b, 0, 0, 0, 0x11)},
		{"p", Op{Access: Prevents}, prevent}, {"P", Op{Access: Prevents}, allow},
		{"d", Op{Access: Reserves}, nil}, {"i", Op{Access: Always, Flags: BypassAttention}, nil},
	}
	for _, test := range []struct {
		bars Bars
		room string
	}{
		{0, "arwsSspPdi"},
		{BarWrites, "arSPdi"},
		{BarReads | BarWrites, "aSPdi"},
		{BarAll, "di"},
		{BarAll | BarReads | BarWrites, "di"},
	} {
		n, room := &Nexus{}, ""
		n.Bar(test.bars, ^Bars(0))
		for _, c := range commands {
			if r := n.admit(&c.op, c.cdb); r.OK() {
				room += c.letter
			} else {
				require.Equal(t, Conflict, r)
			}
		}
		require.Equal(t, test.room, room, "bars %b", test.bars)
		require.EqualValues(t, len(commands)-len(room), n.Conflicts())
	}
}

// SPC-4 5.15.2.4: what each asymmetric access state lets through.
func TestAccessStates(t *testing.T) {
	plain, standby := &Op{Access: Always}, &Op{Access: Always, Flags: OnStandby}
	all, inquiry := &Op{Access: Writes, Flags: OnStandby | OnUnavailable}, &Op{Access: Always, Flags: BypassAttention}
	for _, test := range []struct {
		state          Bars
		plain, standby Result
	}{
		{0, Result{}, Result{}},
		{InStandby, TargetPortInStandby, Result{}},
		{InUnavailable, TargetPortUnavailable, TargetPortUnavailable},
		{InOffline, LogicalUnitOffline, LogicalUnitOffline},
		{InTransition, AccessStateTransition, AccessStateTransition},
	} {
		n := &Nexus{}
		n.Bar(test.state, ^Bars(0))
		require.Equal(t, test.plain, n.admit(plain, nil))
		require.Equal(t, test.standby, n.admit(standby, nil))
		require.Equal(t, Result{}, n.admit(all, nil))
		require.Equal(t, Result{}, n.admit(inquiry, nil))
	}
}

// Bar changes the bars of its mask, and no others.
func TestBarMask(t *testing.T) {
	n := &Nexus{}
	n.Bar(BarReads|InStandby, BarReads|BarWrites)
	require.Equal(t, BarReads, n.Bars())
	n.Bar(InStandby, InStandby|InOffline)
	n.Bar(BarWrites, BarReads|BarWrites)
	require.Equal(t, BarWrites|InStandby, n.Bars())
}
