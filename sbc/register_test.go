package sbc_test

import (
	"testing"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// dualPorted are initiators A and B of a disk with target ports 1 and 2, of whom only A has come through both.
func dualPorted(t *testing.T) (a1, a2, b1 *scsitest.Host) {
	d := newDisk(t, newRecorder(1<<20), behindTwoPorts)
	join := func(initiator byte, port uint16) *scsitest.Host {
		return scsitest.JoinAs(t, d.Unit, nexusName{initiator, port}.ends(), &seen)
	}
	return join('A', 1), join('A', 2), join('B', 1)
}

// SPC-4 6.16.3: with ALL_TG_PT a registration is made through all ports that there are, be there a nexus or not, as if the same
// had been sent through each.
func TestRegisterThroughAllPorts(t *testing.T) {
	a1, a2, b1 := dualPorted(t)
	out(b1, 0, 0, registering(0, 0xb, allTGPT)).Good()
	out(a2, 0, 0, registering(0, 0xa, allTGPT)).Good()
	out(a1, 1, 6, registering(0xa, 0)).Good()
	in(a1, 3).Good("00000002 000000c0",
		"000000000000000b 00000000 00 00 00000000 0001 00000018", idB,
		"000000000000000b 00000000 00 00 00000000 0002 00000018", idB,
		"000000000000000a 00000000 00 00 00000000 0002 00000018", idA,
		"000000000000000a 00000000 01 06 00000000 0001 00000018", idA)

	out(a2, 0, 0, registering(0xa, 1)).Good() // through this port alone
	out(a1, 0, 0, registering(0xa, 2, allTGPT)).Conflict()
	out(a1, 6, 0, registering(0, 3, allTGPT)).Good()
	in(a1, 0).Good("00000004 00000020 000000000000000b 000000000000000b 0000000000000003 0000000000000003")
	out(a2, 0, 0, registering(3, 0, allTGPT)).Good() // and with them goes the reservation
	b1.Send(ready).Sense("06 2a 04")
	nothingPending(a1, a2, b1)
	in(b1, 0).Good("00000005 00000010 000000000000000b 000000000000000b")
	in(b1, 1).Good("00000005 00000000")
}

// SPC-4 5.13.7: with SPEC_I_PT, initiators that are registered already are passed over.
func TestRegisterForOthers(t *testing.T) {
	a1, a2, b1 := dualPorted(t)
	out(b1, 0, 0, registering(0, 0xb)).Good()
	out(a1, 0, 0, specifying(0, 0xa, 'A', 'B', 'C')).Good()
	in(a1, 3).Good("00000002 00000090",
		"000000000000000b 00000000 00 00 00000000 0001 00000018", idB,
		"000000000000000a 00000000 00 00 00000000 0001 00000018", idA,
		"000000000000000a 00000000 00 00 00000000 0001 00000018 06 000000 500000000000000c 00*12")
	all := specifying(0, 2, 'B')
	all[20] |= allTGPT
	out(a2, 0, 0, all).Conflict() // through port 1 it would
	out(a1, 0, 0, registering(0xa, 0)).Good()
	out(a2, 0, 0, all).Good()
	in(a1, 0).Good("00000004 00000028 000000000000000b 000000000000000a 0000000000000002 0000000000000002 0000000000000002")
	nothingPending(a1, a2, b1)
}

// A reservation moves with its type to an initiator and a port that nobody need have come by; with UNREG who had it is
// registered no longer (SPC-4 5.13.8).
func TestRegisterAndMove(t *testing.T) {
	a1, a2, b1 := dualPorted(t)
	out(a1, 0, 0, registering(0, 1)).Good()
	out(a1, 1, 3, registering(1, 0)).Good()
	out(a1, 7, 0, movingTo(1, 2, 'A', 2)).Sense("05 26 00 80 00 18") // the same initiator port
	out(a1, 7, 0, movingTo(1, 2, 'B', 2)).Good()
	in(a1, 3).Good("00000002 00000060",
		"0000000000000001 00000000 00 00 00000000 0001 00000018", idA,
		"0000000000000002 00000000 01 03 00000000 0002 00000018", idB)
	a1.Fetch("28 00 00000000 00 0001 00", 512).Conflict()
	b1.Fetch("28 00 00000000 00 0001 00", 512).Conflict()
	out(a1, 7, 0, movingTo(1, 2, 'B', 1)).Conflict()

	out(b1, 6, 0, registering(0, 3)).Good()
	out(b1, 4, 1, registering(3, 2)).Good()
	a1.Send(ready).Sense("06 2a 04") // the type has changed
	unregister := movingTo(3, 4, 'A', 1)
	unregister[17] = 0x03 // UNREG, APTPL
	out(b1, 7, 0, unregister).Good()
	in(a1, 2).Good("0008 1d 91 ea01 0000")
	in(a1, 3).Good("00000005 00000030", "0000000000000004 00000000 01 01 00000000 0001 00000018", idA)
	nothingPending(a1, a2, b1)
}
