package sbc_test

import (
	"testing"

	"github.com/tcmud/tcmud/sbc"
)

// What clients that fence do, as traces of several hosts.

// newCluster is a disk behind two SAS ports, and hosts at port 1.
func newCluster(t *testing.T, initiators string) (*sbc.Disk, []*prHost) {
	d := newDisk(t, newRecorder(1<<16), func(cfg *sbc.Config) { cfg.Ports = sasPorts })
	var hosts []*prHost
	for _, i := range initiators {
		hosts = append(hosts, joinHost(t, d, nexusName{byte(i), 1}))
	}
	return d, hosts
}

// TestFenceSCSI is Pacemaker's agent: each node registers and tries to reserve (type 5); who fences another preempts its
// key and aborts what it has under way. The agent sends TEST UNIT READY first, for unit attentions.
func TestFenceSCSI(t *testing.T) {
	_, nodes := newCluster(t, "ABC")
	a, b, c := nodes[0], nodes[1], nodes[2]

	// unfence: on each node
	for i, h := range nodes {
		h.ready().Good()
		h.register().Good()
		if i == 0 {
			h.reservation().Good("00000001 00000000")
			h.reserve(5).Good()
		}
		h.reservation().Good([]string{"00000001", "00000002", "00000003"}[i], "00000010 00000000000000aa 00000000 00 05 0000")
	}
	c.keys().Good("00000003 00000018 00000000000000aa 00000000000000bb 00000000000000cc")
	for _, h := range nodes {
		h.write("01").Good()
	}

	// A, which holds the reservation, is fenced by B.
	b.preemptAbort(5, a.key).Good()
	b.keys().Good("00000004 00000010 00000000000000bb 00000000000000cc")
	b.reservation().Good("00000004 00000010 00000000000000bb 00000000 00 05 0000")
	a.write("0a").Sense("06 2a 05")
	a.write("0a").Conflict()
	a.read().Good("01*512")
	a.out(actReserve, 5, a.key, 0, 0).Conflict()
	b.write("02").Good()
	c.write("03").Good() // who was not meant has heard nothing

	// C, which does not hold it, is fenced by B.
	b.preemptAbort(5, c.key).Good()
	c.write("0c").Sense("06 2a 05")
	c.write("0c").Conflict()
	b.keys().Good("00000005 00000008 00000000000000bb")

	// Fencing who is fenced already finds no key.
	b.preemptAbort(5, c.key).Conflict()

	// A comes back, and writes again.
	a.ready().Good()
	a.register().Good()
	a.reserve(5).Conflict() // which the agent expects: there is one
	a.write("04").Good()
	b.read().Good("04*512")
}

// TestFailoverClusterValidation is Windows' arbitration for a disk, one node after the other: registered keys and the
// reservation outlive the owner's session, and the challenger takes them after he has waited.
func TestFailoverClusterValidation(t *testing.T) {
	d, nodes := newCluster(t, "AB")
	a, b := nodes[0], nodes[1]

	a.out(actRegister, 0, 0, a.key, aptpl).Good()
	a.reserve(5).Good()
	a.write("0a").Good()
	b.out(actRegister, 0, 0, b.key, aptpl).Good()
	b.reserve(5).Conflict()
	for range 3 { // each three seconds
		a.keys().Good("00000002 00000010 00000000000000aa 00000000000000bb")
		b.reservation().Good("00000002 00000010 00000000000000aa 00000000 00 05 0000")
	}

	// The owner loses its session, and has all when it comes back.
	d.Leave(a.Nexus())
	b.keys().Good("00000002 00000010 00000000000000aa 00000000000000bb")
	b.reserve(5).Conflict()
	a = joinHost(t, d, nexusName{'A', 1})
	a.write("0b").Good()
	a.reserve(5).Good() // it has it

	// Neither does a reset take it away.
	d.Reset(b.Nexus())
	a.ready().Sense("06 29 03")
	a.reservation().Good("00000002 00000010 00000000000000aa 00000000 00 05 0000")

	// The challenger takes it, and gives all back.
	b.preempt(5, a.key).Good()
	a.write("0c").Sense("06 2a 05")
	a.write("0c").Conflict()
	b.write("0d").Good()
	b.release(5).Good()
	b.unregister().Good()
	a.keys().Good("00000004 00000000")
	a.write("0e").Good()
}

// TestClusterSharedVolumes: under an all registrants type any registrant may release, and the last one that leaves does.
func TestClusterSharedVolumes(t *testing.T) {
	_, nodes := newCluster(t, "ABC")
	a, b, c := nodes[0], nodes[1], nodes[2]
	a.register().Good()
	a.reserve(7).Good()
	b.register().Good()
	b.reserve(7).Good()
	c.reservation().Good("00000002 00000010 0000000000000000 00000000 00 07 0000")
	c.write("0c").Conflict()
	a.unregister().Good()
	b.write("0b").Good()
	b.unregister().Good()
	c.reservation().Good("00000004 00000000")
	c.write("0c").Good()

	a.register().Good()
	a.reserve(8).Good()
	b.register().Good()
	c.read().Conflict()
	b.release(8).Good()
	a.ready().Sense("06 2a 04")
	c.read().Good("0c*512")
	b.clear().Good()
	a.ready().Sense("06 2a 03")
	c.keys().Good("00000007 00000000")
}

// TestCompareAndWriteOfRegistrants is a datastore's lock on a disk that a backup program has reserved: registrants take it
// by COMPARE AND WRITE, and others learn that they may not from the status, not from a miscompare.
func TestCompareAndWriteOfRegistrants(t *testing.T) {
	_, nodes := newCluster(t, "ABC")
	a, b, c := nodes[0], nodes[1], nodes[2]
	const lock = "89 00 0000000000000000 000000 01 00 00"
	a.register().Good()
	b.register().Good()
	a.reserve(5).Good()
	b.Send(lock, make([]byte, 512), pattern(512, 1)).Good()
	a.Send(lock, make([]byte, 512), pattern(512, 2)).Sense("0e 1d 00")
	c.Send(lock, pattern(512, 1), pattern(512, 3)).Conflict()
	a.read().Good(hex(pattern(512, 1)))
	a.Send(lock, pattern(512, 1), make([]byte, 512)).Good()
	c.read().Good("00*512")
}

// TestMultipathPersist is mpathpersist: one initiator registers one key through each path, and moves the reservation from
// a path that has failed by preempting its own key.
func TestMultipathPersist(t *testing.T) {
	d, nodes := newCluster(t, "AB")
	path1, b := nodes[0], nodes[1]
	path2 := joinHost(t, d, nexusName{'A', 2})

	path1.out(actRegister, 0, 0, path1.key, 0).Good()
	path2.out(actRegister, 0, 0xdd, path2.key, 0).Conflict() // it was registered with another key, thinks the program
	path2.register().Good()
	b.register().Good()
	b.keys().Good("00000003 00000018 00000000000000aa 00000000000000aa 00000000000000bb")
	path1.reserve(5).Good()
	path2.reserve(5).Conflict()
	path2.write("02").Good()
	path2.release(5).Good() // nothing, for it holds nothing
	b.reservation().Good("00000003 00000010 00000000000000aa 00000000 00 05 0000")

	// All paths have the key, so who preempts it loses none of its own but the others'. It registers them anew.
	path2.preempt(5, path1.key).Good()
	path1.ready().Sense("06 2a 05")
	path1.write("01").Conflict()
	path1.register().Good()
	path1.write("01").Good()
	b.Fetch("5e 03 0000000000 1000 00", 4096).Good("00000005 00000090",
		"00000000000000aa 00000000 01 05 00000000 0002 00000018", hex(transportID('A')),
		"00000000000000bb 00000000 00 00 00000000 0001 00000018", hex(transportID('B')),
		"00000000000000aa 00000000 00 00 00000000 0001 00000018", hex(transportID('A')))
	path1.release(5).Good()
	b.write("0b").Good()
	path2.release(5).Good()
	path1.ready().Sense("06 2a 04")
	b.ready().Sense("06 2a 04")
}

// TestPreemptChangesTheType: who holds a reservation preempts its own key, and those that stay hear that theirs is over.
func TestPreemptChangesTheType(t *testing.T) {
	_, nodes := newCluster(t, "ABC")
	a, b, c := nodes[0], nodes[1], nodes[2]
	a.register().Good()
	b.register().Good()
	a.reserve(5).Good()
	a.preempt(5, a.key).Good() // to the same type is no news
	b.write("0b").Good()
	a.preempt(1, a.key).Good()
	c.reservation().Good("00000004 00000010 00000000000000aa 00000000 00 01 0000")
	b.write("0b").Sense("06 2a 04")
	b.write("0b").Conflict()
	b.read().Good("0b*512")
	a.preempt(3, a.key).Good()
	b.read().Sense("06 2a 04")
	b.read().Conflict()
	c.read().Conflict()
	a.release(1).Sense("05 26 04")
	a.release(3).Good() // of this type nobody hears
	b.read().Good("0b*512")
}

// TestNobodyKnowsWhoAsks: a nexus without a TransportID can be kept out, and cannot be let in.
func TestNobodyKnowsWhoAsks(t *testing.T) {
	d, nodes := newCluster(t, "A")
	a, nobody := nodes[0], &prHost{host(t, d), d.Unit, 0xdd}
	nobody.out(actRegister, 0, 0, nobody.key, 0).Sense("05 55 04")
	nobody.register().Sense("05 55 04")
	nobody.Send("16 00 0000 00 00").Conflict() // nor would anybody know whose it is
	nobody.keys().Good("00000000 00000000")
	a.register().Good()
	a.reserve(6).Good()
	nobody.read().Conflict()
	nobody.write("0d").Conflict()
	nobody.clear().Conflict()
}
