package sbc_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// nexusName is an I_T nexus as reservations know it: an initiator port, named by a letter, through a target port.
type nexusName struct {
	initiator byte
	port      uint16
}

func (n nexusName) String() string { return fmt.Sprintf("%c%d", n.initiator, n.port) }

// transportID is that of a SAS port.
func transportID(initiator byte) []byte {
	return scsitest.Hex("06 00*3 50000000000000", fmt.Sprintf("%02x", initiator-'A'+0x0a), "00*12")
}

// ends are those of n. Port 1 is in group 0, port 2 in group 1.
func (n nexusName) ends() scsi.Ends {
	return scsi.Ends{Name: n.String(), Initiator: string(transportID(n.initiator)), Port: n.port, Group: n.port - 1}
}

// prModel is a logical unit as SPC-4 5.13 has it, and nothing else: what is registered and reserved, and who has still to
// be told. It is written from the standard, and knows nothing of the unit under test.
type prModel struct {
	ports      []uint16
	lasting    bool                 // it can keep registrations through a loss of power
	joined     map[nexusName]bool   // there is such an I_T nexus at the moment
	keys       map[nexusName]uint64 // of those that are registered
	typ        byte                 // 0: nothing is reserved
	holder     nexusName            // of a type that has one
	generation uint32
	activated  bool       // PTPL_A
	spc2       *nexusName // who has sent RESERVE; nil: nobody
	pending    map[nexusName][]scsi.Code
	aborted    map[nexusName]bool // whose commands the last command has aborted
}

const (
	conflict        = "RESERVATION CONFLICT"
	invalidCDB      = "05/24/00"
	invalidList     = "05/26/00"
	listLength      = "05/1a/00"
	invalidRelease  = "05/26/04"
	persistentTypes = "\x01\x03\x05\x06\x07\x08"
)

func allRegistrants(t byte) bool { return t == 7 || t == 8 }

func (m *prModel) registered(n nexusName) bool { return m.keys[n] != 0 }

func (m *prModel) holds(n nexusName) bool {
	switch {
	case m.typ == 0:
		return false
	case allRegistrants(m.typ):
		return m.registered(n)
	}
	return m.holder == n
}

func (m *prModel) role(n nexusName) scsitest.Role {
	switch {
	case m.holds(n):
		return scsitest.Holder
	case m.registered(n):
		return scsitest.Registrant
	}
	return scsitest.Stranger
}

// attend establishes a unit attention condition for n. Those of who is away end with its nexus. Of those that tell of a
// reset, which come first, one tells it all.
func (m *prModel) attend(n nexusName, c scsi.Code) {
	switch {
	case !m.joined[n] || slices.Contains(m.pending[n], c):
	case c == scsi.BusDeviceReset:
		m.pending[n] = slices.Insert(m.pending[n], 0, c)
	default:
		m.pending[n] = append(m.pending[n], c)
	}
}

// attendRegistered is attend for all that are registered, but for who has sent the command.
func (m *prModel) attendRegistered(c scsi.Code, but nexusName) {
	for n := range m.keys {
		if n != but {
			m.attend(n, c)
		}
	}
}

// preempts says whether a PREEMPT takes the reservation away (SPC-4 5.13.11.2.3).
func (m *prModel) preempts(r prRequest) bool {
	if allRegistrants(m.typ) {
		return r.newKey == 0
	}
	return m.typ != 0 && r.newKey == m.keys[m.holder]
}

// objections are what a request may end in instead of GOOD: in any of must, if there is one, for the standard gives no
// order; or in one of may, which the standard leaves open.
func (m *prModel) objections(n nexusName, r prRequest) (must, may []string) {
	if m.spc2 != nil {
		return []string{conflict}, nil
	}
	object := func(when bool, with ...string) {
		if when {
			must = append(must, with...)
		}
	}
	allow := func(when bool, with ...string) {
		if when {
			may = append(may, with...)
		}
	}
	unusable := r.scope != 0 || !slices.Contains([]byte(persistentTypes), r.typ)
	nothing := !m.registered(n) && r.newKey == 0 // to register
	switch r.action {
	case actRegister, actRegisterIgnore:
		object(r.action == actRegister && r.key != m.keys[n], conflict)
		for _, port := range m.ports { // as if it had come through each
			object(r.action == actRegister && r.allPorts && !nothing && r.key != m.keys[nexusName{n.initiator, port}], conflict)
		}
		object(r.specify && !nothing && (r.action == actRegisterIgnore || m.registered(n)), invalidList)
		object(r.spoilt && !nothing, invalidList, listLength)
		object(r.aptpl && !m.lasting && !nothing, invalidList)
		allow(len(slices.Compact(slices.Sorted(slices.Values(r.initiators)))) < len(r.initiators), invalidList) // one twice
		allow(nothing && (r.specify || r.aptpl || r.spoilt), invalidList, listLength)
		return must, may
	}
	object(r.specify, invalidList)
	object(r.spoilt, invalidList, listLength)
	if r.action == actReplaceLost { // nothing is
		return append(must, invalidCDB), nil
	}
	object(!m.registered(n) || r.key != m.keys[n], conflict)
	switch r.action {
	case actReserve:
		object(unusable, invalidCDB)
		object(m.typ != 0 && (!m.holds(n) || r.typ != m.typ || r.scope != 0), conflict)
	case actRelease:
		object(m.holds(n) && (r.typ != m.typ || r.scope != 0), invalidRelease)
		object(m.holds(n) && unusable, invalidCDB)
		allow(unusable, invalidCDB)
	case actPreempt, actPreemptAbort:
		object(r.newKey == 0 && !allRegistrants(m.typ), invalidList)
		object(r.newKey != 0 && !slices.Contains(slices.Collect(maps.Values(m.keys)), r.newKey), conflict)
		object(m.preempts(r) && unusable, invalidCDB)
		allow(unusable, invalidCDB)
	case actMove:
		object(m.typ == 0, invalidCDB)
		object(m.typ != 0 && !m.holds(n) || allRegistrants(m.typ), conflict)
		object(r.newKey == 0 || r.to.initiator == n.initiator || !slices.Contains(m.ports, r.to.port) || r.aptpl && !m.lasting, invalidList)
		allow(unusable, invalidCDB)
	}
	return must, may
}

// carryOut is what a request does that ends in GOOD, and says in a word what that was.
func (m *prModel) carryOut(n nexusName, r prRequest) (done string) {
	switch r.action {
	case actRegister, actRegisterIgnore:
		return m.register(n, r)
	case actReserve:
		if m.typ != 0 {
			return "has it"
		}
		m.typ, m.holder = r.typ, n
		return "reserves"
	case actRelease:
		if !m.holds(n) {
			return "has nothing"
		}
		return m.release(n)
	case actClear:
		m.generation++
		m.attendRegistered(scsi.ReservationsPreempted, n)
		clear(m.keys)
		m.typ = 0
		return "clears"
	case actMove:
		return m.move(n, r)
	}
	return m.preempt(n, r)
}

// register is REGISTER and REGISTER AND IGNORE EXISTING KEY. With ALL_TG_PT it is as if it had come through each port; it
// leaves those as they are where it would have been refused.
func (m *prModel) register(n nexusName, r prRequest) string {
	had := m.registered(n)
	if !had && r.newKey == 0 {
		return "nothing"
	}
	m.generation++
	m.activated = r.aptpl
	done := "registers"
	if had {
		done = "changes its key"
	}
	all := []nexusName{n}
	for _, initiator := range append(r.initiators, n.initiator) {
		for _, port := range m.ports {
			x := nexusName{initiator, port}
			if (r.specify || initiator == n.initiator) && (r.allPorts || port == n.port) && x != n {
				all = append(all, x)
			}
		}
	}
	if r.action == actRegister {
		all = slices.DeleteFunc(all, func(x nexusName) bool { return m.keys[x] != r.key })
	}
	if r.newKey == 0 {
		return m.unregister(n, all)
	}
	for _, x := range all {
		m.keys[x] = r.newKey
	}
	switch {
	case r.allPorts:
		done += " through all ports"
	case r.specify:
		done += " and others"
	}
	return done
}

// unregister ends registrations, for a command of by, and a reservation that only these nexuses have held (SPC-4 5.13.11.3).
func (m *prModel) unregister(by nexusName, leaving []nexusName) string {
	for _, n := range leaving {
		delete(m.keys, n)
	}
	if m.typ == 0 || m.registered(m.holder) || allRegistrants(m.typ) && len(m.keys) > 0 {
		return "unregisters"
	}
	if m.typ == 5 || m.typ == 6 {
		m.attendRegistered(scsi.ReservationsReleased, by)
	}
	m.typ = 0
	return "unregisters and releases"
}

func (m *prModel) release(by nexusName) string {
	done := "releases"
	if m.typ >= 5 {
		done = "releases and tells"
		m.attendRegistered(scsi.ReservationsReleased, by)
	}
	m.typ = 0
	return done
}

// preempt is PREEMPT, and PREEMPT AND ABORT.
func (m *prModel) preempt(n nexusName, r prRequest) string {
	m.generation++
	takes, self, before := m.preempts(r), m.holds(n), m.typ
	for x, key := range maps.Clone(m.keys) {
		switch {
		case r.newKey != 0 && key != r.newKey:
			continue
		case x == n && (takes || allRegistrants(m.typ)):
			continue
		}
		delete(m.keys, x)
		m.aborted[x] = r.action == actPreemptAbort
		if x != n {
			m.attend(x, scsi.RegistrationsPreempted)
		}
	}
	if !takes {
		if !m.registered(n) {
			return "unregisters itself"
		}
		return "unregisters others"
	}
	m.typ, m.holder = r.typ, n
	if m.typ != before {
		for x := range m.keys {
			if x != n {
				m.attend(x, scsi.ReservationsReleased)
			}
		}
	}
	switch {
	case allRegistrants(before):
		return "takes it from all"
	case self:
		return "changes the type"
	}
	return "takes it"
}

func (m *prModel) move(n nexusName, r prRequest) string {
	m.generation++
	m.activated = r.aptpl
	done := "moves"
	if m.registered(r.to) {
		done = "moves to one registered"
	}
	m.keys[r.to], m.holder = r.newKey, r.to
	if r.unregister {
		delete(m.keys, n)
		done += " and unregisters"
	}
	return done
}

// objections2 are what RESERVE and RELEASE of SPC-2 end in instead of GOOD, with CRH=1 (SPC-4 5.13.3).
func (m *prModel) objections2(n nexusName, reserve bool) []string {
	switch {
	case len(m.keys) > 0 && !m.exempt(n), len(m.keys) == 0 && reserve && m.spc2 != nil && *m.spc2 != n:
		return []string{conflict}
	}
	return nil
}

// exempt says who is told that all is well, for he can do what a RESERVE would let him.
func (m *prModel) exempt(n nexusName) bool { return m.holds(n) || m.typ >= 5 && m.registered(n) }

// carryOut2 is what they do that end in GOOD.
func (m *prModel) carryOut2(n nexusName, reserve bool) string {
	switch {
	case len(m.keys) > 0:
		return "is let in already"
	case reserve:
		m.spc2 = &n
		return "reserves"
	case m.spc2 == nil || *m.spc2 != n:
		return "has nothing"
	}
	m.spc2 = nil
	return "releases"
}

// allowed says whether reservations let a command of n through.
func (m *prModel) allowed(n nexusName, c scsitest.Reserved) bool {
	switch {
	case m.spc2 != nil && *m.spc2 == n:
		return c.SPC2[0] == 'A'
	case m.spc2 != nil:
		return c.SPC2[1] == 'A'
	}
	return m.typ == 0 || c.Allowed(m.typ, m.role(n))
}

// lose is the loss of an I_T nexus, or of what it had from an earlier session.
func (m *prModel) lose(n nexusName) {
	if m.spc2 != nil && *m.spc2 == n {
		m.spc2 = nil
	}
}

func (m *prModel) reset(by nexusName) {
	m.spc2 = nil
	for n := range m.joined {
		if n != by {
			m.attend(n, scsi.BusDeviceReset)
			m.aborted[n] = true
		}
	}
}

func (m *prModel) losePower() {
	m.generation, m.spc2 = 0, nil
	clear(m.pending)
	m.activated = m.activated && len(m.keys) > 0 // where nothing is kept, that is neither
	if !m.activated {
		clear(m.keys)
		m.typ = 0
	}
}
