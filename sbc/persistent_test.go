package sbc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// registering is the parameter list of PERSISTENT RESERVE OUT: RESERVATION KEY, SERVICE ACTION RESERVATION KEY, and flags.
func registering(key, actionKey uint64, flags ...byte) []byte {
	p := make([]byte, 24)
	binary.BigEndian.PutUint64(p, key)
	binary.BigEndian.PutUint64(p[8:], actionKey)
	for _, f := range flags {
		p[20] |= f
	}
	return p
}

// Flags of that list.
const (
	specIPT  = 0x08
	allTGPT  = 0x04
	withPTPL = 0x01
)

// identify makes h initiator A through port 1, before it sends anything.
func identify(h *scsitest.Host) { h.Nexus().Initiator, h.Nexus().Port = string(transportID('A')), 1 }

// registerOne registers h, initiator A, with the key 1.
func registerOne(h *scsitest.Host) {
	identify(h)
	h.Send("5f 00 00 0000 00000018 00", registering(0, 1)).Good()
}

// reserveOne has h reserve the unit, Write Exclusive.
func reserveOne(h *scsitest.Host) {
	registerOne(h)
	h.Send("5f 01 01 0000 00000018 00", registering(1, 0)).Good()
}

// rowDisk is a disk on which the command of a row can end in GOOD. Lost reservations can only be replaced where some are lost.
func rowDisk(t *testing.T, m backend.Store, name string, change ...func(*sbc.Config)) *sbc.Disk {
	change = append(change, removable)
	if name != "PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION" {
		return newDisk(t, m, change...)
	}
	d := newDisk(t, m, append(change, withState(&records{kept: map[string][]byte{"reservations": []byte("lost")}}))...)
	require.ErrorContains(t, d.Restore(), "reservations: ")
	return d
}

// hosts are initiators A, B, C ... of a disk, all through port 1.
func hosts(t *testing.T, d *sbc.Disk, n int) []*scsitest.Host {
	var all []*scsitest.Host
	for i := range n {
		all = append(all, scsitest.JoinAs(t, d.Unit, nexusName{'A' + byte(i), 1}.ends(), &seen))
	}
	return all
}

// out is PERSISTENT RESERVE OUT with a service action and a type.
func out(h *scsitest.Host, action, typ int, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("5f %02x %02x 0000 %08x 00", action, typ, len(list)), list)
}

func in(h *scsitest.Host, action int) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("5e %02x 0000000000 0200 00", action), 512)
}

const idA, idB = "06 000000 500000000000000a 00*12", "06 000000 500000000000000b 00*12"

// SPC-4 6.15: what the service actions of PERSISTENT RESERVE IN tell, byte for byte.
func TestPersistentReserveIn(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	h := hosts(t, d, 2)
	a, b := h[0], h[1]
	in(a, 0).Good("00000000 00000000")
	in(a, 1).Good("00000000 00000000")
	in(a, 2).Good("0008 1d 90 ea01 0000")
	in(a, 3).Good("00000000 00000000")

	out(a, 0, 0, registering(0, 0x1122334455667788, withPTPL)).Good()
	out(b, 6, 0, registering(7, 0xb)).Good() // and it is the last that says whether it outlives a loss of power
	in(b, 0).Good("00000002 00000010 1122334455667788 000000000000000b")
	in(b, 2).Good("0008 1d 90 ea01 0000")
	out(a, 1, 3, registering(0x1122334455667788, 0)).Good()
	in(b, 1).Good("00000002 00000010 1122334455667788 00000000 00 03 0000")
	in(b, 3).Good("00000002 00000060",
		"1122334455667788 00000000 01 03 00000000 0001 00000018", idA,
		"000000000000000b 00000000 00 00 00000000 0001 00000018", idB)
	b.Fetch("5e 03 0000000000 0008 00", 8).Good("00000002 00000060")

	out(a, 4, 8, registering(0x1122334455667788, 0x1122334455667788, withPTPL)).Good() // of its own: another type
	in(b, 1).Sense("06 2a 04")
	in(b, 1).Good("00000003 00000010 0000000000000000 00000000 00 08 0000")
	out(b, 0, 0, registering(0xb, 0xb, withPTPL)).Good()
	in(b, 2).Good("0008 1d 91 ea01 0000")
	in(a, 3).Good("00000004 00000060",
		"1122334455667788 00000000 01 08 00000000 0001 00000018", idA,
		"000000000000000b 00000000 01 08 00000000 0001 00000018", idB)

	// Without a state to keep there is nothing that could outlive a loss of power.
	e := scsitest.JoinAs(t, newDisk(t, newRecorder(1<<20), withState(nil)).Unit, nexusName{'A', 1}.ends(), &seen)
	in(e, 2).Good("0008 1c 90 ea01 0000")
	out(e, 0, 0, registering(0, 1, withPTPL)).Sense("05 26 00 88 00 14")
	out(e, 6, 0, registering(0, 1, withPTPL)).Sense("05 26 00 88 00 14")
}

// What of a PERSISTENT RESERVE OUT is refused, and how.
func TestPersistentReserveOutRefusals(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	h := hosts(t, d, 3)
	a, b, c := h[0], h[1], h[2]
	one, none := registering(0, 1), registering(0, 0)

	a.Send("5f 00 00 0000 00000017 00", one[:23]).Sense("05 1a 00")
	a.Send("5f 00 00 0000 00000019 00", append(one, 0)).Sense("05 1a 00")
	out(a, 0, 0, registering(1, 1)).Conflict()
	out(a, 0, 0, none).Good() // nothing to take back
	for action := 1; action <= 5; action++ {
		out(a, action, 1, registering(1, 1)).Conflict()
	}
	out(a, 7, 0, movingTo(1, 2, 'B', 1)).Conflict()
	out(a, 0, 0, one).Good()
	out(b, 6, 0, registering(0, 2)).Good()
	out(a, 0, 0, registering(2, 1)).Conflict()

	out(a, 1, 0x11, one).Sense("05 24 00 cf 00 02") // SCOPE 1h
	for _, typ := range []int{0, 2, 4, 9, 0xf} {
		out(a, 1, typ, registering(1, 0)).Sense("05 24 00 cb 00 02")
	}
	out(a, 4, 1, registering(1, 0)).Sense("05 26 00 80 00 08")
	out(a, 5, 1, registering(1, 0)).Sense("05 26 00 80 00 08")
	out(a, 4, 1, registering(1, 3)).Conflict()
	out(a, 7, 0, movingTo(1, 2, 'B', 1)).Sense("05 24 00 cc 00 01") // there is nothing to move

	out(a, 1, 1, registering(1, 0)).Good()
	out(a, 1, 1, registering(1, 0)).Good()
	out(a, 1, 3, registering(1, 0)).Conflict()
	out(b, 1, 1, registering(2, 0)).Conflict()
	out(b, 4, 0x11, registering(2, 1)).Sense("05 24 00 cf 00 02")
	for _, typ := range []int{0, 2, 4, 9, 0xf} {
		out(b, 4, typ, registering(2, 1)).Sense("05 24 00 cb 00 02")
		out(b, 5, typ, registering(2, 1)).Sense("05 24 00 cb 00 02")
	}
	out(b, 2, 1, registering(2, 0)).Good() // not the holder: nothing happens
	out(a, 2, 3, registering(1, 0)).Sense("05 26 04")
	out(a, 2, 0x11, registering(1, 0)).Sense("05 26 04")

	out(b, 7, 0, movingTo(2, 2, 'C', 1)).Conflict()
	out(a, 7, 0, movingTo(1, 0, 'B', 1)).Sense("05 26 00 80 00 08")
	out(a, 7, 0, movingTo(1, 2, 'B', 9)).Sense("05 26 00 80 00 12")
	out(a, 7, 0, movingTo(1, 2, 'A', 1)).Sense("05 26 00 80 00 18")
	spoilt := movingTo(1, 2, 'B', 1)
	spoilt[24] = 0x0f // no protocol
	out(a, 7, 0, spoilt).Sense("05 26 00 80 00 18")
	spoilt[23] = 0x14
	out(a, 7, 0, spoilt).Sense("05 1a 00")

	for action := 1; action <= 6; action++ {
		out(a, action, 1, registering(1, 1, specIPT)).Sense("05 26 00 8b 00 14")
	}
	out(a, 0, 0, specifying(1, 1, 'C')).Sense("05 26 00 8b 00 14") // it is registered
	out(c, 0, 0, specifying(0, 3, 'C', 'C')).Sense("05 26 00 80 00 34")
	short := specifying(0, 3, 'C')
	short[27]--
	out(c, 0, 0, short).Sense("05 1a 00")
	out(c, 8, 1, registering(0, 3)).Sense("05 24 00 cc 00 01")

	nobody := host(t, d) // nobody knows which initiator that is
	out(nobody, 0, 0, one).Sense("05 55 04")
	out(nobody, 6, 0, one).Sense("05 55 04")
	in(a, 0).Good("00000002 00000010 0000000000000001 0000000000000002")
}

// movingTo is the parameter list of REGISTER AND MOVE.
func movingTo(key, actionKey uint64, initiator byte, port uint16) []byte {
	p := append(registering(key, actionKey), transportID(initiator)...)
	binary.BigEndian.PutUint16(p[18:], port)
	binary.BigEndian.PutUint32(p[20:], 24)
	return p
}

// specifying is the parameter list of REGISTER with SPEC_I_PT.
func specifying(key, actionKey uint64, initiators ...byte) []byte {
	p := binary.BigEndian.AppendUint32(registering(key, actionKey, specIPT), uint32(24*len(initiators)))
	for _, i := range initiators {
		p = append(p, transportID(i)...)
	}
	return p
}

// There is room for 1024 registrations.
func TestTooManyRegistrations(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	join := func(i int) *scsitest.Host {
		id, err := spc.TransportID(fmt.Sprintf("iqn.2003-01.org.example:host%d", i))
		require.NoError(t, err)
		return scsitest.JoinAs(t, d.Unit, scsi.Ends{Initiator: id, Port: 1}, &seen)
	}
	for i := range 1024 {
		out(join(i), 0, 0, registering(0, 1)).Good()
	}
	last := join(1024)
	out(last, 0, 0, registering(0, 1)).Sense("05 55 04")
	out(last, 6, 0, registering(0, 1)).Sense("05 55 04")
	first := join(0)
	out(first, 1, 1, registering(1, 0)).Good()
	out(first, 7, 0, movingTo(1, 2, 'B', 1)).Sense("05 55 04")
	require.Len(t, in(first, 0).Data(), 512)
}

// SPC-2 and CRH: the one kind of reservation keeps off the other.
func TestReserveAndRelease(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	h := hosts(t, d, 2)
	a, b := h[0], h[1]
	const reserve6, release6, reserve10, release10 = "16 00 0000 00 00", "17 00 0000 00 00", "56 00 00*7 00", "57 00 00*7 00"
	a.Send(release6).Good()
	a.Send(reserve6).Good()
	a.Send(reserve10).Good()
	b.Send(reserve6).Conflict()
	b.Send(reserve10).Conflict()
	b.Send(release10).Good()
	b.Send(ready).Conflict()
	b.Fetch("12 00 00 0005 00", 5).Data()
	b.Fetch("03 00 0000 12 00", 18).Data()
	for action := range 4 {
		in(a, action).Conflict()
		in(b, action).Conflict()
	}
	for action := range 9 {
		list := registering(0, 1)
		if action == 7 {
			list = movingTo(0, 1, 'B', 1)
		}
		out(a, action, 1, list).Conflict()
		out(b, action, 1, list).Conflict()
		out(b, action, 1, list[:20]).Conflict() // whatever is wrong with the list
	}
	a.Send(release10).Good()
	b.Send(ready).Good()

	b.Send(reserve6).Good()
	d.Leave(b.Nexus())
	a.Send(ready).Good()
	a.Send(reserve6).Good()
	d.Reset(a.Nexus())
	in(a, 0).Good("00000000 00000000")

	nobody := host(t, d) // nobody knows which initiator that is
	nobody.Send(reserve6).Conflict()
	nobody.Send(release6).Good()

	h = hosts(t, d, 2)
	a, b = h[0], h[1]
	out(a, 0, 0, registering(0, 1)).Good()
	for _, cdb := range []string{reserve6, release6, reserve10, release10} {
		a.Send(cdb).Conflict()
	}
	out(a, 1, 5, registering(1, 0)).Good()
	for _, cdb := range []string{reserve6, release6, reserve10, release10} {
		a.Send(cdb).Good()
		b.Send(cdb).Conflict()
	}
	out(b, 6, 0, registering(0, 2)).Good()
	b.Send(reserve6).Good()
	b.Send(release6).Good()
	b.Send(ready).Good()
}

// What is registered with APTPL is there after a loss of power, and what is not is not.
func TestRegistrationsOutliveAPowerLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	boot := func() (*sbc.Disk, []*scsitest.Host) {
		d := newDisk(t, newRecorder(1<<20), keeping(path))
		require.NoError(t, d.Restore())
		return d, hosts(t, d, 3)
	}
	_, h := boot()
	out(h[0], 0, 0, registering(0, 1, withPTPL)).Good()
	out(h[1], 0, 0, registering(0, 2, withPTPL, allTGPT)).Good()
	out(h[1], 1, 6, registering(2, 0)).Good()
	for range 2 {
		d, h := boot()
		in(h[2], 2).Good("0008 1d 91 ea01 0000")
		in(h[2], 3).Good("00000000 00000060",
			"0000000000000001 00000000 00 00 00000000 0001 00000018", idA,
			"0000000000000002 00000000 01 06 00000000 0001 00000018", idB)
		h[2].Fetch("28 00 00000000 00 0001 00", 512).Conflict()
		h[0].Fetch("28 00 00000000 00 0001 00", 512).Data()
		require.Equal(t, spc.ReservationStatus{APTPL: true, Kind: spc.ExclusiveAccessRegistrantsOnly, Registrations: []spc.Registration{
			{Initiator: "naa.500000000000000a", Port: 1, Key: 1},
			{Initiator: "naa.500000000000000b", Port: 1, Key: 2, Holder: true, AllPorts: true},
		}}, d.Primary().Reservations())
	}
	_, h = boot()
	out(h[0], 0, 0, registering(1, 1)).Good() // without
	_, h = boot()
	in(h[2], 0).Good("00000000 00000000")
}

// A record that makes no sense leaves the unit write protected, and reservations lost until somebody replaces them.
func TestLostReservations(t *testing.T) {
	for name, record := range map[string]string{
		"no JSON":               `lost`,
		"none":                  `{"registrations":[]}`,
		"unknown field":         `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}],"more":1}`,
		"two tables":            `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}]}{}`,
		"key 0":                 `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"0"}]}`,
		"no TransportID":        `{"registrations":[{"initiator":"0f000000500000000000000a000000000000000000000000","port":1,"key":"1"}]}`,
		"no hexadecimal digits": `{"registrations":[{"initiator":"x","port":1,"key":"1"}]}`,
		"twice":                 `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"},{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"2"}]}`,
		"type 2":                `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}],"type":2}`,
		"type 255":              `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}],"type":255}`,
		"holder":                `{"registrations":[{"initiator":"06000000500000000000000a000000000000000000000000","port":1,"key":"1"}],"type":1,"holder":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			state := &records{kept: map[string][]byte{"reservations": []byte(record)}}
			d := newDisk(t, newRecorder(1<<20), withState(state))
			require.ErrorContains(t, d.Restore(), "reservations: ")
			a := hosts(t, d, 1)[0]
			in(a, 2).Good("0008 9d 90 ea01 0000")
			a.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 00")

			out(a, 8, 1, registering(1, 1)).Sense("05 26 00 80 00 00")
			out(a, 8, 1, registering(0, 0)).Sense("05 26 00 80 00 08")
			out(a, 8, 2, registering(0, 1)).Sense("05 24 00 cb 00 02")
			out(host(t, d), 8, 1, registering(0, 1)).Sense("05 55 04")
			out(a, 8, 1, registering(0, 1)).Good()
			in(a, 1).Good("00000001 00000010 0000000000000001 00000000 00 01 0000")
			in(a, 2).Good("0008 1d 90 ea01 0000")
			out(a, 8, 1, registering(0, 1)).Sense("05 24 00 cc 00 01")
			require.Empty(t, state.kept["reservations"])
		})
	}
}

// What cannot be saved does not happen.
func TestRegistrationNotSaved(t *testing.T) {
	state := &records{kept: map[string][]byte{}}
	d := newDisk(t, newRecorder(1<<20), withState(state))
	a := hosts(t, d, 1)[0]
	state.refuse = func(string, []byte) error { return errors.New("no space") }
	out(a, 0, 0, registering(0, 1, withPTPL)).Sense("04 44 00")
	in(a, 0).Good("00000000 00000000")
	out(a, 0, 0, registering(0, 1)).Good() // nothing to be saved
	state.refuse = nil
	out(a, 0, 0, registering(1, 1, withPTPL)).Good()
	state.refuse = func(string, []byte) error { return errors.New("no space") }
	out(a, 1, 1, registering(1, 0)).Sense("04 44 00")
	in(a, 1).Good("00000002 00000000")
}
