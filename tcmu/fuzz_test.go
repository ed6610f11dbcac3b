package tcmu

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// FuzzRing takes any bytes for a map, and any others for what is written to it while commands are out. Whatever they
// are, nothing panics, nothing runs on for ever, and nothing is written but entries, the tail and the data area.
func FuzzRing(f *testing.F) {
	second := readEntry()
	second[4], second[24], second[25] = 6, 0x70, 1
	for _, mem := range [][]byte{
		image(),
		image(readEntry()),
		image(readEntry(), second),
		image(padEntry(8), tmrEntry(), padEntry(16), make([]byte, 8)),
		image(tmrEntry(), []byte{0x27, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 24), second),
	} {
		f.Add(mem[:0x200], []byte{}, false)
		f.Add(mem[:0x200], []byte{0x80, 0, 0x80}, true)
		f.Add(mem[:0x200], []byte{12, 0, 0x80, 13, 0, 1}, false)
	}
	f.Fuzz(func(t *testing.T, start, writes []byte, later bool) {
		mem := image()
		copy(mem, start)
		r, err := newRing(mem)
		if err != nil {
			return
		}
		scribble := func() {
			for ; len(writes) >= 3; writes = writes[3:] {
				if off := int(writes[0]) | int(writes[1])<<8; off < len(mem) {
					mem[off] = writes[2]
				}
			}
		}
		d := hand(t, mem, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
			scribble()
			c.Reply(make([]byte, 100))
			return scsi.InvalidFieldInCDB
		}))
		d.ring = r
		var held []*slot
		if later {
			held, err = takeAll(d)
			scribble()
		} else {
			err = scanAll(d)
		}
		before := bytes.Clone(mem[:0x80])
		for i := len(held) - 1; i >= 0 && err == nil; i-- {
			res, length := d.answer(held[i], d.handler)
			err = d.ring.complete(held[i].id, res, length)
		}
		judge(t, r, err, later)
		require.Equal(t, before[:64], mem[:64], "the mailbox is the kernel's")
		require.Equal(t, before[68:], mem[68:0x80])
	})
}

// scanAll scans until the ring is empty. A ring cannot be scanned more often than it has entries, unless the head moves.
func scanAll(d *Device) error {
	for range 2 {
		if found, err := d.scan(); err != nil || !found {
			return err
		}
	}
	return nil
}

// takeAll takes all commands and completes none.
func takeAll(d *Device) (held []*slot, err error) {
	head, err := d.ring.filled()
	for err == nil && d.ring.consumed != head {
		var h header
		if h, err = d.ring.header(d.ring.consumed, head); err != nil {
			break
		}
		if h.op != opCommand {
			err = d.step(head)
			continue
		}
		s := new(slot)
		if err = s.load(d.ring, h); err == nil {
			if err = d.ring.take(h, s, waiting); err == nil {
				held = append(held, s)
			}
		}
	}
	return held, err
}

// judge looks for what must hold after whatever has happened.
func judge(t *testing.T, r *ring, err error, later bool) {
	for _, cursor := range []uint32{r.consumed, r.done} {
		require.Less(t, cursor, r.size)
		require.Zero(t, cursor%entryAlign)
	}
	_, n := r.outstanding(0)
	require.LessOrEqual(t, uint64(n), r.counts.commands-r.counts.completions)
	var broken *RingError
	switch {
	case err != nil:
		require.True(t, errors.As(err, &broken), "%v", err)
	case n == 0:
		require.Equal(t, r.consumed, r.done)
		require.Equal(t, r.counts.commands, r.counts.completions)
	default:
		require.True(t, later)
	}
}
