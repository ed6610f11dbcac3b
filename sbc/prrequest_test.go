package sbc_test

import (
	"encoding/binary"
	"fmt"

	"pgregory.net/rapid"
)

// Service actions of PERSISTENT RESERVE OUT.
const (
	actRegister = iota
	actReserve
	actRelease
	actClear
	actPreempt
	actPreemptAbort
	actRegisterIgnore
	actMove
	actReplaceLost
)

var actionNames = [...]string{"REGISTER", "RESERVE", "RELEASE", "CLEAR", "PREEMPT", "PREEMPT AND ABORT",
	"REGISTER AND IGNORE EXISTING KEY", "REGISTER AND MOVE", "REPLACE LOST RESERVATION"}

// prRequest is a PERSISTENT RESERVE OUT.
type prRequest struct {
	action      byte
	scope, typ  byte
	key, newKey uint64
	aptpl       bool
	allPorts    bool
	specify     bool   // SPEC_I_PT
	initiators  []byte // that TransportIDs name
	to          nexusName
	unregister  bool
	spoilt      bool // a length in the list does not fit the others
}

// evenly draws a number below n: rapid's own generators would rather have small ones.
func evenly(n int) *rapid.Generator[int] {
	return rapid.Custom(func(t *rapid.T) int {
		at := 0
		for bits := 2 * n; bits > 0; bits >>= 1 {
			at <<= 1
			if rapid.Bool().Draw(t, "bit") {
				at++
			}
		}
		return at % n
	})
}

func draw[T any](b *prBench, what string, from ...T) T { return from[b.below(len(from), what)] }

// rarely is true once in n times.
func (b *prBench) rarely(what string, n int) bool { return b.below(n, what) == n-1 }

func (b *prBench) below(n int, what string) int {
	g := b.numbers[n]
	if g == nil {
		g = evenly(n)
		b.numbers[n] = g
	}
	return g.Draw(b.t, what)
}

// request draws a PERSISTENT RESERVE OUT of n. Keys are few, and mostly right.
func (b *prBench) request(n nexusName, action byte) prRequest {
	r := prRequest{action: action, key: b.keys[n], newKey: draw[uint64](b, "new key", 0, 1, 2, 3),
		typ: draw(b, "type", []byte(persistentTypes)...), aptpl: b.rarely("APTPL", 2), allPorts: b.rarely("ALL_TG_PT", 6)}
	if b.rarely("wrong key", 6) {
		r.key = draw[uint64](b, "key", 0, 1, 2, 3)
	}
	if b.typ != 0 && b.rarely("the type that is held", 2) {
		r.typ = b.typ
	}
	if b.rarely("no type", 12) {
		r.typ = draw[byte](b, "type", 0, 2, 4, 9, 15)
	}
	if b.rarely("no scope", 20) {
		r.scope = draw[byte](b, "scope", 1, 2, 15)
	}
	r.specify = action == actRegister && b.rarely("SPEC_I_PT", 4) || action != actMove && b.rarely("SPEC_I_PT", 16)
	r.spoilt = (r.specify || action == actMove) && b.rarely("spoilt", 8)
	for r.specify && len(r.initiators) < 3 && !b.rarely("no more", 3) {
		r.initiators = append(r.initiators, draw(b, "initiator", b.all...).initiator)
	}
	r.to, r.unregister = draw(b, "destination", b.all...), b.rarely("UNREG", 3)
	if b.rarely("unknown port", 12) {
		r.to.port = 3
	}
	return r
}

// encode is the CDB and the parameter list of a request (SPC-4 6.16).
func (r prRequest) encode() (cdb string, list []byte) {
	list = make([]byte, 24)
	binary.BigEndian.PutUint64(list, r.key)
	binary.BigEndian.PutUint64(list[8:], r.newKey)
	bit := func(on bool, bit byte) byte {
		if on {
			return bit
		}
		return 0
	}
	var ids []byte
	for _, i := range r.initiators {
		ids = append(ids, transportID(i)...)
	}
	if r.action == actMove {
		ids = transportID(r.to.initiator)
		list[17] = bit(r.unregister, 0x02) | bit(r.aptpl, 0x01)
		binary.BigEndian.PutUint16(list[18:], r.to.port)
		binary.BigEndian.PutUint32(list[20:], uint32(len(ids)))
		list = append(list, ids...)
	} else {
		list[20] = bit(r.specify, 0x08) | bit(r.allPorts, 0x04) | bit(r.aptpl, 0x01)
	}
	if r.specify {
		list = append(binary.BigEndian.AppendUint32(list, uint32(len(ids))), ids...)
	}
	if r.spoilt {
		list = append(list, 0, 0, 0)
	}
	return fmt.Sprintf("5f %02x %x%x 0000 %08x 00", r.action, r.scope, r.typ, len(list)), list
}
