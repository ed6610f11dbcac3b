package scsi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whom the unit does not know is the stranger to it; another unit's nexus is the one with the same ends.
func TestStandIns(t *testing.T) {
	var joined, left []string
	u, err := NewUnit(Config{Ops: testRows(),
		Joined: func(n *Nexus) { joined = append(joined, n.Name) }, Left: func(n *Nexus) { left = append(left, n.Name) }})
	require.NoError(t, err)
	a := u.JoinAs(Ends{Name: "a", Initiator: "\x06a", Port: 1})
	b := u.JoinAs(Ends{Name: "b", Initiator: "\x06b", Port: 1})
	other := newTestUnit(t)
	of := func(e Ends) *Nexus { return other.JoinAs(e) }
	require.Same(t, u.Stranger(), u.local(nil))
	require.Same(t, a, u.local(a))
	require.Same(t, b, u.local(of(Ends{Initiator: "\x06b", Port: 1})))
	require.Same(t, u.Stranger(), u.local(of(Ends{Initiator: "\x06b", Port: 2})))
	require.Same(t, u.Stranger(), u.local(other.Join("nobody")))

	u.Stranger().Bar(BarWrites, BarWrites)
	require.Equal(t, Conflict, u.Do(&Command{CDB: cdb(0x2a)}))
	require.Equal(t, Conflict, u.Check(&Command{CDB: cdb(0x2a), Nexus: of(Ends{})}))
	require.True(t, u.Check(&Command{CDB: cdb(0x2a), Nexus: of(a.Ends)}).OK())

	u.Leave(a)
	require.Same(t, u.Stranger(), u.local(of(a.Ends)))
	require.Equal(t, []*Nexus{b}, u.Nexuses())
	require.Equal(t, []string{"stranger", "a", "b"}, joined)
	require.Equal(t, []string{"a"}, left)
}

// tasks notes who has been aborted.
type tasks struct{ aborted int }

func (t *tasks) Abort(*Command) <-chan struct{} {
	t.aborted++
	return nil
}

// A reset reaches all nexuses but the one that it came by, whose transport has seen to it.
func TestReset(t *testing.T) {
	resets := 0
	u, err := NewUnit(Config{Ops: testRows(), Reset: func() { resets++ }})
	require.NoError(t, err)
	a, b := u.Join("a"), u.Join("b")
	var ofA, ofB tasks
	a.Carry(&ofA)
	b.Carry(&ofB)
	u.Reset(a)
	require.Equal(t, 1, resets)
	require.Equal(t, tasks{}, ofA)
	require.Equal(t, tasks{1}, ofB)
	require.Empty(t, a.Pending())
	require.Equal(t, []Code{BusDeviceReset}, b.Pending())
	require.True(t, <-chanClosed(u.Join("c").Abort(nil)), "a nexus without tasks has none to wait for")
}

func chanClosed(c <-chan struct{}) <-chan bool {
	closed := make(chan bool, 1)
	_, open := <-c
	closed <- !open
	return closed
}
