package sbc_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// prHost is a host that reserves: an initiator port, through one target port, and the key that it registers.
type prHost struct {
	*scsitest.Host
	unit *scsi.Unit
	key  uint64
}

// joinHost joins n with a key that is twice its initiator's letter in hexadecimal: AAh, BBh, CCh.
func joinHost(t testing.TB, d *sbc.Disk, n nexusName) *prHost {
	return &prHost{scsitest.JoinAs(t, d.Unit, n.ends(), &seen), d.Unit, uint64(n.initiator-'A'+0x0a) * 0x11}
}

// out sends a PERSISTENT RESERVE OUT with a parameter list of the basic 24 bytes.
func (h *prHost) out(action, typ byte, key, newKey uint64, flags byte) *scsitest.Answer {
	list := make([]byte, 24)
	binary.BigEndian.PutUint64(list, key)
	binary.BigEndian.PutUint64(list[8:], newKey)
	list[20] = flags
	return h.Send(fmt.Sprintf("5f %02x %02x 0000 00000018 00", action, typ), list)
}

const aptpl = 0x01 // one of the flags

// register takes whatever key the host had before, as REGISTER AND IGNORE EXISTING KEY.
func (h *prHost) register() *scsitest.Answer   { return h.out(actRegisterIgnore, 0, 0, h.key, aptpl) }
func (h *prHost) unregister() *scsitest.Answer { return h.out(actRegister, 0, h.key, 0, aptpl) }

func (h *prHost) reserve(typ byte) *scsitest.Answer { return h.out(actReserve, typ, h.key, 0, 0) }
func (h *prHost) release(typ byte) *scsitest.Answer { return h.out(actRelease, typ, h.key, 0, 0) }
func (h *prHost) clear() *scsitest.Answer           { return h.out(actClear, 0, h.key, 0, 0) }

func (h *prHost) preempt(typ byte, key uint64) *scsitest.Answer {
	return h.out(actPreempt, typ, h.key, key, 0)
}

func (h *prHost) preemptAbort(typ byte, key uint64) *scsitest.Answer {
	return h.out(actPreemptAbort, typ, h.key, key, 0)
}

// keys is READ KEYS: PRGENERATION, and the keys in the order of registration.
func (h *prHost) keys() *scsitest.Answer { return h.Fetch("5e 00 0000000000 1000 00", 4096) }

// reservation is READ RESERVATION.
func (h *prHost) reservation() *scsitest.Answer { return h.Fetch("5e 01 0000000000 1000 00", 4096) }

// ready is TEST UNIT READY, which hears of what is pending.
func (h *prHost) ready() *scsitest.Answer { return h.Send("00 00000000 00") }

// write and read are of one block.
func (h *prHost) write(filling string) *scsitest.Answer {
	return h.Send("8a 00 0000000000000000 00000001 00 00", scsitest.Hex(filling+"*512"))
}

func (h *prHost) read() *scsitest.Answer {
	return h.Fetch("88 00 0000000000000000 00000001 00 00", 512)
}
