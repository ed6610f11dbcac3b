package scsi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A reservation that the unit keeps by Joined and Left, as spc does: it bars all but its holder, whose loss ends it.
type held struct {
	unit   *Unit
	holder *Nexus
	joins  int
}

func (h *held) take(n *Nexus) {
	n.Hold()
	h.holder = n
	for _, other := range h.unit.Nexuses() {
		if other != n {
			other.Bar(BarAll, ReservationBars)
		}
	}
}

func (h *held) left(n *Nexus) {
	if n != h.holder {
		return
	}
	h.holder = nil
	for _, other := range h.unit.Nexuses() {
		other.Bar(0, ReservationBars)
	}
}

func newHeld(t *testing.T) *held {
	h := &held{}
	u, err := NewUnit(Config{Ops: testRows(), Joined: func(*Nexus) { h.joins++ }, Left: h.left})
	require.NoError(t, err)
	h.unit = u
	return h
}

// What an initiator has reserved ends with its session, which is looked at when another is in need of it.
func TestASessionThatHasEndedHoldsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		session string
		known   bool
		freed   bool
	}{
		"it goes on":          {"1", true, false},
		"it has ended":        {"", true, true},
		"there is another":    {"2", true, true},
		"nobody can tell":     {"", false, false},
		"nobody can tell now": {"2", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeld(t)
			a, b := h.unit.Join("a"), h.unit.Join("b")
			session, known := "1", true
			a.Watch(func() (string, bool) { return session, known })
			h.take(a)
			write := &Command{CDB: cdb(0x2a), Nexus: b}
			require.Equal(t, Conflict, h.unit.Do(write))
			require.EqualValues(t, 1, b.Conflicts())

			session, known = test.session, test.known
			if !test.freed {
				require.Equal(t, Conflict, h.unit.Do(write))
				require.Same(t, a, h.holder)
				return
			}
			require.True(t, h.unit.Do(write).OK())
			require.Nil(t, h.holder)
			require.EqualValues(t, 1, b.Conflicts())
			require.Equal(t, 4, h.joins, "the stranger, a, b, and a again")
			require.Len(t, h.unit.Nexuses(), 2)
			require.False(t, h.unit.Lapse(), "twice")
		})
	}
}

// A nexus that takes something in a new session has lost what it had in the one before.
func TestANewSessionBeginsWithNothing(t *testing.T) {
	h := newHeld(t)
	a := h.unit.Join("a")
	session := "1"
	a.Watch(func() (string, bool) { return session, true })
	h.take(a)
	a.Hold()
	require.Same(t, a, h.holder, "in the same session")
	session = "2"
	a.Hold() // for something else
	require.Nil(t, h.holder)
	require.False(t, h.unit.Lapse())
}

// Transports that tell of each loss have no sessions to look at; commands from nobody have no nexus.
func TestUnwatchedNexusHoldsUntilItLeaves(t *testing.T) {
	h := newHeld(t)
	a := h.unit.Join("a")
	h.take(a)
	require.False(t, h.unit.Lapse())
	(*Nexus)(nil).Hold()
	h.unit.Leave(a)
	require.Nil(t, h.holder)
}
