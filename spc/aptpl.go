package spc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tcmud/tcmud/scsi"
)

// reservationsRecord is in the State while there are registrations that outlive a loss of power (APTPL).
const reservationsRecord = "reservations"

// keptTable is its content, JSON. PRGENERATION is not in it: it begins with 0 at each power on (SPC-4 5.13.5).
type keptTable struct {
	Registrations []keptRegistration `json:"registrations"`
	Type          Kind               `json:"type,omitempty"`
	Holder        int                `json:"holder,omitempty"` // index of its registration, unless all registrants hold the reservation
}

type keptRegistration struct {
	Initiator string `json:"initiator"` // TransportID in hexadecimal
	Port      uint16 `json:"port"`
	Key       uint64 `json:"key,string"`
	AllPorts  bool   `json:"all_ports,omitempty"`
}

// record is what is to be kept of the table; nil when nothing is.
func (t *table) record() ([]byte, error) {
	if !t.aptpl || len(t.registrations) == 0 {
		return nil, nil
	}
	k := keptTable{Type: t.kind}
	for i, g := range t.registrations {
		k.Registrations = append(k.Registrations, keptRegistration{hex.EncodeToString([]byte(g.initiator)), g.target, g.key, g.allPorts})
		if g.port == t.holder {
			k.Holder = i
		}
	}
	return json.Marshal(k)
}

// keep saves what of next is to outlive a loss of power, if that is not what is kept already.
func (r *reservations) keep(c *scsi.Command, next table) scsi.Result {
	before, err1 := r.table.record()
	after, err2 := next.record()
	switch {
	case errors.Join(err1, err2) != nil: // it is made of numbers and digits
		return scsi.InternalTargetFailure
	case bytes.Equal(before, after) && !r.lost:
		return scsi.Result{}
	}
	return r.device.Save(c, reservationsRecord, after)
}

// restore brings back what was kept.
func (r *reservations) restore(record []byte) error {
	if len(record) == 0 {
		return nil
	}
	t, err := parseTable(record)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table = t
	r.barAll()
	return nil
}

// loseReservations notes that what was kept of reservations is damaged.
func (r *reservations) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
}

func parseTable(record []byte) (table, error) {
	var k keptTable
	d := json.NewDecoder(bytes.NewReader(record))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return table{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return table{}, errors.New("more than a table of registrations")
	}
	t := table{aptpl: true, kind: k.Type}
	if n := len(k.Registrations); n == 0 || n > maxRegistrations || k.Holder < 0 || k.Holder >= n {
		return table{}, fmt.Errorf("%d registrations, of which number %d holds the reservation", n, k.Holder)
	}
	if t.kind != 0 && !t.kind.in(allKinds) {
		return table{}, fmt.Errorf("%d is no type of reservation", t.kind)
	}
	for _, g := range k.Registrations {
		id, err := hex.DecodeString(g.Initiator)
		if err != nil {
			return table{}, err
		}
		whose, n := cutTransportID(id)
		p := port{whose, g.Port}
		if n != len(id) || n == 0 || whose != string(id) || g.Key == 0 || t.index(p) >= 0 {
			return table{}, fmt.Errorf("registration of %x through port %d with key %d makes no sense, or is there twice", id, g.Port, g.Key)
		}
		t.registrations = append(t.registrations, registration{p, g.Key, g.AllPorts})
	}
	if t.kind != 0 && !t.kind.in(kindsForAll) {
		t.holder = t.registrations[k.Holder].port
	}
	return t, nil
}
