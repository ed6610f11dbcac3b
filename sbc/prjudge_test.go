package sbc_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// reservationIn is PERSISTENT RESERVE IN, with room for little or for all.
func (b *prBench) reservationIn() {
	n := b.who()
	action := draw(b, "action", 0, 1, 2, 3, 4, 31)
	room := draw(b, "room", 0, 4, 8, 9, 16, 24, 31, 512)
	cdb := func(room int) string { return fmt.Sprintf("5e %02x 0000000000 %04x 00", action, room) }
	command := fmt.Sprintf("PERSISTENT RESERVE IN %02xh", action)
	if action > 3 { // it is no row, and refused as such
		require.Equal(b.t, invalidCDB, ending(b.disk.Do(&scsi.Command{CDB: scsitest.Hex(cdb(room)), Nexus: b.nexuses[n]})))
		return
	}
	c := reservedCommand("PERSISTENT RESERVE IN, READ KEYS")
	c.Name = command
	if data, ok := b.access(n, c, cdb(room), make([]byte, room)); ok {
		whole := b.whole(cdb(4096))
		require.Equal(b.t, whole[:min(room, len(whole))], data)
		b.judge(action, whole)
	}
}

// whole is all the Data-In of a command of the observer, who never has a part in anything.
func (b *prBench) whole(cdb string) []byte {
	p := make([]byte, 4096)
	c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{p}, Nexus: b.observer}
	require.Equal(b.t, scsi.Result{}, b.disk.Do(c))
	n, _ := c.Moved()
	return p[:n]
}

// judge holds the parameter data of PERSISTENT RESERVE IN to the model (SPC-4 6.15).
func (b *prBench) judge(action int, p []byte) {
	be := binary.BigEndian
	if action == 2 {
		want := scsitest.Hex("0008 1c 80 ea 01 0000") // CRH, SIP_C, ATP_C; TMV; each type
		if b.lasting {
			want[2] |= 0x01
		}
		if b.activated {
			want[3] |= 0x01
		}
		require.LessOrEqual(b.t, p[3]>>4&7, byte(5), "ALLOW COMMANDS")
		p[3] &^= 0x70
		p[2] &^= 0x80 // RLR_C: the unit may be able to say that it has lost what was reserved
		require.Equal(b.t, want, p)
		return
	}
	require.Equal(b.t, b.generation, be.Uint32(p), "PRGENERATION")
	require.Equal(b.t, len(p)-8, int(be.Uint32(p[4:])), "ADDITIONAL LENGTH")
	switch p = p[8:]; action {
	case 0:
		b.judgeKeys(p)
	case 1:
		b.judgeReservation(p)
	case 3:
		b.judgeStatus(p)
	}
}

func (b *prBench) judgeKeys(p []byte) {
	have, want := []uint64{}, slices.Sorted(maps.Values(b.keys))
	for ; len(p) > 0; p = p[8:] {
		have = append(have, binary.BigEndian.Uint64(p))
	}
	slices.Sort(have)
	require.Equal(b.t, fmt.Sprint(want), fmt.Sprint(have))
}

func (b *prBench) judgeReservation(p []byte) {
	if b.typ == 0 {
		require.Empty(b.t, p)
		return
	}
	want := make([]byte, 16)
	if !allRegistrants(b.typ) {
		binary.BigEndian.PutUint64(want, b.keys[b.holder])
	}
	want[13] = b.typ
	require.Equal(b.t, want, p)
}

// judgeStatus accepts a descriptor for each nexus, or one with ALL_TG_PT for all of an initiator.
func (b *prBench) judgeStatus(p []byte) {
	have, want := map[nexusName]string{}, map[nexusName]string{}
	status := func(key uint64, holds bool, scopeAndType byte) string {
		if !holds {
			scopeAndType = 0 // not defined
		}
		return fmt.Sprintf("%x %v %02x", key, holds, scopeAndType)
	}
	for len(p) > 0 {
		n := 24 + int(binary.BigEndian.Uint32(p[20:]))
		initiator := p[24+11] - 0x0a + 'A'
		require.Equal(b.t, transportID(initiator), p[24:n])
		ports := []uint16{binary.BigEndian.Uint16(p[18:])}
		if p[12]&0x02 != 0 {
			ports = b.ports
		}
		for _, port := range ports {
			require.NotContains(b.t, have, nexusName{initiator, port})
			have[nexusName{initiator, port}] = status(binary.BigEndian.Uint64(p), p[12]&0x01 != 0, p[13])
		}
		p = p[n:]
	}
	for n, key := range b.keys {
		want[n] = status(key, b.holds(n), b.typ)
	}
	require.Equal(b.t, want, have)
}
