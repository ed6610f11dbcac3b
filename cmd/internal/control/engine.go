package control

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
)

// Engine is what is said of a backstore that keeps reservations and the access states of its target port groups itself.
type Engine interface {
	Reservations() Reservations
	// Access lists the target port groups, sorted by ID.
	Access() []AccessGroup
	// SetAccess changes one. A transition takes as long as the group's delay.
	SetAccess(AccessChange) error
}

// Reservations are those of a backstore, and the I_T nexuses that they are about.
type Reservations struct {
	Generation uint32 `json:"generation"` // PRGENERATION
	APTPL      bool   `json:"aptpl"`      // they outlive a loss of power (PTPL_A)
	// Type is that of the persistent reservation ("Write Exclusive, registrants only") and Scope its scope ("logical unit");
	// empty where there is none.
	Type          string         `json:"type,omitempty"`
	Scope         string         `json:"scope,omitempty"`
	Registrations []Registration `json:"registrations"`
	// Reserved is the initiator whose SPC-2 reservation (RESERVE) it is; empty: nobody's.
	Reserved string        `json:"reserved,omitempty"`
	Nexuses  []NexusStatus `json:"nexuses"`
}

// Registration is one registration for persistent reservations.
type Registration struct {
	Initiator string `json:"initiator"`           // name of the initiator port
	Port      uint16 `json:"port"`                // RELATIVE TARGET PORT IDENTIFIER of the target port
	Key       string `json:"key"`                 // "0x" and 16 hexadecimal digits: JSON numbers do not hold them
	Holder    bool   `json:"holder,omitempty"`    // of the reservation
	AllPorts  bool   `json:"all_ports,omitempty"` // registered with ALL_TG_PT
}

// Nexus is the I_T nexus that a device stands for.
type Nexus struct {
	Of        string `json:"of"`        // name of the backstore
	Initiator string `json:"initiator"` // name of the initiator port
	Port      uint16 `json:"port"`      // RELATIVE TARGET PORT IDENTIFIER of the target port
	Group     uint16 `json:"group"`     // TARGET PORT GROUP of the target port
}

// NexusStatus is how an I_T nexus gets on.
type NexusStatus struct {
	HBA  int    `json:"hba"` // of its device
	Name string `json:"name"`
	Nexus
	// Pending are the unit attention conditions that the initiator has not been told of, in the order in which it will be.
	Pending []string `json:"pending"`
	// Conflicts is how many commands have ended in RESERVATION CONFLICT for what others had reserved.
	Conflicts uint64 `json:"conflicts"`
}

// Reserving sums up the Reservations of a backstore.
type Reserving struct {
	Generation    uint32 `json:"generation"`
	Registrations int    `json:"registrations"`
	Type          string `json:"type,omitempty"`
}

// AccessGroup is a target port group and its asymmetric access state.
type AccessGroup struct {
	Group      uint16 `json:"group"`             // TARGET PORT GROUP
	State      string `json:"state"`             // "active/optimized", "standby" ...
	Status     byte   `json:"status"`            // why: 0 nobody has said, 1 by an initiator, 2 by the target
	Supported  byte   `json:"supported"`         // the states there may be, as in REPORT TARGET PORT GROUPS
	Preferred  bool   `json:"preferred"`         // PREF
	Implicit   bool   `json:"implicit"`          // the target changes the state
	Explicit   bool   `json:"explicit"`          // initiators do
	Transition byte   `json:"transition_time"`   // IMPLICIT TRANSITION TIME in seconds, as initiators are told; 0: not said
	Delay      int64  `json:"transition_millis"` // how long each transition lasts
	Ports      []Port `json:"ports"`
}

// Port is a target port of a group.
type Port struct {
	Relative uint16 `json:"relative"`
	Name     string `json:"name"`
}

// AccessChange is what of a group is to be changed; what is nil stays.
type AccessChange struct {
	Group      uint16  `json:"group"`
	State      *string `json:"state,omitempty"` // as in AccessGroup
	Supported  *byte   `json:"supported,omitempty"`
	Preferred  *bool   `json:"preferred,omitempty"`
	Implicit   *bool   `json:"implicit,omitempty"`
	Explicit   *bool   `json:"explicit,omitempty"`
	Transition *byte   `json:"transition_time,omitempty"`
	Delay      *int64  `json:"transition_millis,omitempty"`
}

// engine answers what is asked of a backstore's Engine.
func (s server) engine(ask func(Engine, *http.Request) (int, any)) answer {
	return func(r *http.Request) (int, any) {
		hba, err := strconv.Atoi(r.PathValue("hba"))
		if err != nil {
			return refuse(http.StatusBadRequest, "the number of the HBA is no number")
		}
		e, err := s.src.Engine(hba, r.PathValue("name"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return refuse(http.StatusNotFound, "%v", err)
		case err != nil:
			return refuse(http.StatusConflict, "%v", err)
		}
		return ask(e, r)
	}
}

func reservations(e Engine, _ *http.Request) (int, any) { return http.StatusOK, e.Reservations() }

func access(e Engine, _ *http.Request) (int, any) { return http.StatusOK, e.Access() }

func setAccess(e Engine, r *http.Request) (int, any) {
	var change AccessChange
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&change); err != nil {
		return refuse(http.StatusBadRequest, `the body is not like {"group": 0, "state": "standby"}: %v`, err)
	}
	if err := e.SetAccess(change); err != nil {
		return refuse(http.StatusConflict, "%v", err)
	}
	return access(e, r)
}
