package sbc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// fencing is what FuzzPersistentReserveOut does: three I_T nexuses, of which two are of the same initiator.
type fencing struct {
	t     *testing.T
	state *memory
	disk  *sbc.Disk
	nexus [3]*scsi.Nexus
}

func newFencing(t *testing.T) *fencing {
	f := &fencing{t: t, state: newMemory()}
	f.disk = newDisk(t, newRecorder(64*512), behindTwoPorts, withState(f.state))
	for i := range f.nexus {
		f.join(i)
	}
	return f
}

func (f *fencing) join(i int) {
	f.nexus[i] = f.disk.JoinAs([]nexusName{{'A', 1}, {'A', 2}, {'B', 1}}[i].ends())
}

// Steps that are no service action of PERSISTENT RESERVE OUT.
const (
	fuzzReserve2 = 9 + iota
	fuzzRelease2
	fuzzLoss
	fuzzSteps
)

// fuzzStep is how a step is spelt: who, what, scope and type, the length of a parameter list, and the list.
func fuzzStep(who, what, typ byte, list []byte) []byte {
	return append([]byte{who, what, typ, byte(len(list))}, list...)
}

// step does the next one, and returns what is left of them. What is refused has changed nothing.
func (f *fencing) step(p []byte) []byte {
	who, what, list := int(p[0])%len(f.nexus), p[1]%fuzzSteps, p[4:]
	list = list[:min(len(list), int(p[3]))]
	rest := p[4+len(list):]
	cdb := fmt.Sprintf("5f %02x %02x 0000 %08x 00", what, p[2], len(list))
	switch what {
	case fuzzReserve2:
		cdb, list = "16 00 0000 00 00", nil
	case fuzzRelease2:
		cdb, list = "17 00 0000 00 00", nil
	case fuzzLoss:
		f.disk.Leave(f.nexus[who])
		f.join(who)
		return rest
	}
	before := f.disk.Primary().Reservations()
	buffer := bytes.Clone(list)
	c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{buffer}, Nexus: f.nexus[who]}
	r := f.disk.Do(c)
	if r.Key == scsi.UnitAttention {
		require.Equal(f.t, before, f.disk.Primary().Reservations())
		r = f.disk.Do(c)
	}
	if r.Key != scsi.UnitAttention { // there may be two
		checkEnd(f.t, c, r, list, buffer)
	}
	after := f.disk.Primary().Reservations()
	if r.OK() {
		require.LessOrEqual(f.t, after.Generation-before.Generation, uint32(1))
	} else {
		require.Equal(f.t, before, after, "%s: %v", c.Name(), r)
	}
	return rest
}

// check holds what is registered and reserved to what is true of it whatever was sent.
func (f *fencing) check() {
	st := f.disk.Primary().Reservations()
	checkReservations(f.t, st)
	const all = scsi.BarReads | scsi.BarWrites | scsi.BarAll
	for _, n := range append(f.nexus[:], f.disk.Stranger()) {
		switch bars := n.Bars() & all; {
		case st.Reserved != "":
			require.Equal(f.t, n.Name != st.Reserved, bars == scsi.BarAll)
			require.Empty(f.t, st.Registrations, "they keep off each other")
		case st.Kind == 0:
			require.Zero(f.t, bars, "nothing is reserved")
		case n == f.disk.Stranger():
			require.NotZero(f.t, bars)
		}
	}
	for _, g := range st.Registrations {
		for _, n := range f.nexus {
			if g.Holder && spc.TransportIDName(n.Initiator) == g.Initiator && n.Port == g.Port {
				require.Zero(f.t, n.Bars()&all)
			}
		}
	}
}

func checkReservations(t *testing.T, st spc.ReservationStatus) {
	t.Helper()
	holders, seen := 0, map[string]bool{}
	for _, g := range st.Registrations {
		who := fmt.Sprint(g.Initiator, g.Port)
		require.NotContains(t, seen, who)
		seen[who] = true
		require.NotZero(t, g.Key)
		if g.Holder {
			holders++
		}
	}
	switch st.Kind {
	case 0:
		require.Zero(t, holders)
	case spc.WriteExclusiveAllRegistrants, spc.ExclusiveAccessAllRegistrants:
		require.NotZero(t, holders)
		require.Len(t, st.Registrations, holders)
	default:
		require.Equal(t, 1, holders)
		require.NotEmpty(t, st.Kind.String())
	}
}

// survives: a disk that is made of what is kept has all of it, if it is to outlive a loss of power, or nothing.
func (f *fencing) survives() {
	st := f.disk.Primary().Reservations()
	d := newDisk(f.t, newRecorder(64*512), withState(f.state))
	require.NoError(f.t, d.Restore())
	want := spc.ReservationStatus{}
	if st.APTPL && len(st.Registrations) > 0 {
		want = spc.ReservationStatus{APTPL: true, Kind: st.Kind, Registrations: st.Registrations}
	}
	require.Equal(f.t, want, d.Primary().Reservations())
}

// FuzzPersistentReserveOut has three I_T nexuses send any parameter lists.
func FuzzPersistentReserveOut(f *testing.F) {
	register := func(who byte, key uint64, flags ...byte) []byte {
		return fuzzStep(who, 0, 0, registering(0, key, flags...))
	}
	everybody := bytes.Join([][]byte{register(0, 1, withPTPL), register(1, 2), register(2, 3, withPTPL)}, nil)
	for _, typ := range []byte{0, 1, 3, 5, 6, 7, 8, 0x11} {
		reserved := bytes.Join([][]byte{everybody, fuzzStep(0, 1, typ, registering(1, 0))}, nil)
		for _, step := range [][]byte{
			fuzzStep(0, 0, 0, registering(1, 0)), fuzzStep(0, 1, typ, registering(1, 0)), fuzzStep(0, 2, typ, registering(1, 0)),
			fuzzStep(2, 3, 0, registering(3, 0)), fuzzStep(2, 4, typ, registering(3, 1)), fuzzStep(2, 5, 8, registering(3, 0)),
			fuzzStep(1, 6, 0, registering(0, 0, allTGPT)), fuzzStep(0, 7, 0, movingTo(1, 4, 'B', 2)), fuzzStep(0, 8, typ, registering(0, 1)),
			fuzzStep(1, fuzzReserve2, 0, nil), fuzzStep(2, fuzzLoss, 0, nil),
		} {
			f.Add(append(bytes.Clone(reserved), step...))
		}
	}
	f.Add(register(0, 1, allTGPT, withPTPL))
	f.Add(fuzzStep(0, 0, 0, specifying(0, 1, 'B', 'C')))
	f.Add(append(fuzzStep(0, fuzzReserve2, 0, nil), append(register(1, 1), fuzzStep(0, fuzzRelease2, 0, nil)...)...))
	f.Fuzz(func(t *testing.T, steps []byte) {
		f := newFencing(t)
		for range 64 {
			if len(steps) < 4 {
				break
			}
			steps = f.step(steps)
			f.check()
		}
		f.survives()
	})
}

// FuzzReservationsRecord: whatever is in the record of reservations, what comes of it makes sense, and can be kept.
func FuzzReservationsRecord(f *testing.F) {
	for _, record := range []string{
		"", "{}", `{"registrations":[]}`,
		`{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}],"type":1}`,
		`{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"},` +
			`{"initiator":"0500001469716e2e612e6200000000000000000000000000","port":2,"key":"2","all_ports":true}],"type":5,"holder":1}`,
		`{"registrations":[{"initiator":"0000000000000000000000000000000a0000000000000000","port":65535,"key":"18446744073709551615"}],"type":8}`,
	} {
		f.Add([]byte(record))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		state := newMemory()
		state.records["reservations"] = record
		d := newDisk(t, newRecorder(64*512), withState(state))
		err := d.Restore()
		st := d.Primary().Reservations()
		checkReservations(t, st)
		if err != nil {
			require.Equal(t, spc.ReservationStatus{}, st)
			return
		}
		require.Equal(t, len(record) > 0, st.APTPL)
		n := d.JoinAs(nexusName{'Z', 1}.ends())
		c := &scsi.Command{CDB: scsitest.Hex("5f 06 00 0000 00000018 00"), Data: scsi.Buffer{registering(0, 9, withPTPL)}, Nexus: n}
		require.True(t, d.Do(c).OK())
		again := newDisk(t, newRecorder(64*512), withState(state))
		require.NoError(t, again.Restore())
		st = d.Primary().Reservations()
		st.Generation = 0
		require.Equal(t, st, again.Primary().Reservations())
	})
}
