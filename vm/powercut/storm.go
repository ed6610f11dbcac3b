package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// storm tells what there is, and goes on from there until the power fails: with registrations, and with data. What it
// prints, the host reads.
func storm(ctx context.Context, boot int) error {
	m, err := newMachine(ctx)
	if err != nil {
		return err
	}
	writers, err := newWriters(ctx, boot)
	if err != nil {
		return err
	}
	s, err := lookAround(m, writers)
	if err != nil {
		return err
	}
	ended := make(chan error)
	go func() { ended <- fmt.Errorf("tcmud has ended: %v", m.tcmud.Wait()) }()
	only, single := alone(boot)
	for _, w := range writers {
		if !single || w.disk() == only {
			go func() { ended <- w.write() }()
		}
	}
	if !single {
		go func() { ended <- m.register(s) }()
	}
	return <-ended
}

// lookAround tells what there is, the reservations last, and returns the step that has left those.
func lookAround(m *machine, writers []writer) (step, error) {
	for _, w := range writers {
		f, err := w.look()
		if err != nil {
			return 0, err
		}
		tell("found", f)
	}
	st, err := m.a.state()
	if err != nil {
		return 0, err
	}
	s, err := reached(st, -1, 1<<20)
	tell("have", st)
	return s, err
}

// register takes the steps after s, until the power fails.
func (m *machine) register(s step) error {
	for {
		s++
		tell("try", s)
		if err := s.take(m.a, m.b); err != nil {
			return fmt.Errorf("step %d: %w", s, err)
		}
		tell("did", s)
	}
}

func tell(what string, v any) {
	text, _ := json.Marshal(v) // states and numbers
	fmt.Println(what, string(text))
}

// storms kills tcmud so often at random moments of the storm. What was in flight then, the kernel sends again: each step
// is one that can be taken twice.
func storms(ctx context.Context, kills int) (err error) {
	m, err := newMachine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.remove(ctx)) }()
	s := step(-1)
	for kill := range kills {
		var killed atomic.Bool
		ended := make(chan error, 1)
		go func() {
			for !killed.Load() {
				s++
				if err := s.take(m.a, m.b); err != nil {
					ended <- fmt.Errorf("step %d: %w", s, err)
					return
				}
			}
			ended <- nil
		}()
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		killed.Store(true)
		if err := errors.Join(m.restart(ctx), <-ended); err != nil {
			return fmt.Errorf("kill %d: %w", kill+1, err)
		}
		st, err := m.a.state()
		if err != nil {
			return err
		}
		if _, err := reached(st, s, s); err != nil {
			return fmt.Errorf("after kill %d: %w", kill+1, err)
		}
	}
	fmt.Printf("%d kills in %d steps: what was answered is there\n", kills, s+1)
	return nil
}

// send sends a command, again while it ends in a unit attention.
func (n nexus) send(cdb string, data []byte) (*scsi.Command, error) {
	for {
		c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{data}}
		r := n.Do(c)
		switch {
		case r.OK():
			return c, nil
		case r.Key != scsi.UnitAttention:
			return nil, fmt.Errorf("%s: %v", cdb, r)
		}
	}
}

// take carries out a step.
func (s step) take(a, b nexus) error {
	who, action, key, actionKey := a, 6, step(0), s+1 // REGISTER AND IGNORE EXISTING KEY
	switch s % 4 {
	case 1: // RESERVE
		action, key, actionKey = 1, s, 0
	case 2:
		who = b
	case 3: // RELEASE
		action, key, actionKey = 2, s-2, 0
	}
	const writeExclusiveRegistrants, aptpl = 5, 1
	list := make([]byte, 24)
	binary.BigEndian.PutUint64(list, uint64(key))
	binary.BigEndian.PutUint64(list[8:], uint64(actionKey))
	if action == 6 {
		list[20] = aptpl
	}
	_, err := who.send(fmt.Sprintf("5f %02x %02x 0000 00000018 00", action, writeExclusiveRegistrants), list)
	return err
}

// state asks for what there is.
func (n nexus) state() (st state, err error) {
	keys, err1 := n.fetch("5e 00 00000000 00 0200 00")
	held, err2 := n.fetch("5e 01 00000000 00 0200 00")
	if err := errors.Join(err1, err2); err != nil {
		return st, err
	}
	var all []uint64
	for k := range slices.Chunk(keys, 8) {
		all = append(all, binary.BigEndian.Uint64(k))
	}
	slices.Sort(all)
	for _, k := range all {
		st.Keys += fmt.Sprintf("%d ", k)
	}
	if len(held) > 0 {
		st.Holder = fmt.Sprint(binary.BigEndian.Uint64(held))
	}
	return st, nil
}

// fetch is what a PERSISTENT RESERVE IN tells behind its header.
func (n nexus) fetch(cdb string) ([]byte, error) {
	data := make([]byte, 512)
	c, err := n.send(cdb, data)
	if err != nil {
		return nil, err
	}
	moved, _ := c.Moved()
	if length := int64(binary.BigEndian.Uint32(data[4:])); moved < 8 || length%8 != 0 || length > moved-8 {
		return nil, fmt.Errorf("%s: %d bytes, of which %d should be data", cdb, moved, length)
	}
	return data[8:][:binary.BigEndian.Uint32(data[4:])], nil
}
