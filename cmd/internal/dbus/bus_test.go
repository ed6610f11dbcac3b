package dbus

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

// bus is a message bus for tests: names with queues, calls from peer to peer, and NameOwnerChanged to all.
type bus struct {
	t     *testing.T
	mu    sync.Mutex
	peers map[string]net.Conn // by unique name
	names map[string][]string // owner and queue
	deny  string              // a name that nobody may own
}

func newBus(t *testing.T) *bus {
	return &bus{t: t, peers: make(map[string]net.Conn), names: make(map[string][]string)}
}

// connect returns a new peer's connection.
func (b *bus) connect() *dbus.Conn {
	b.t.Helper()
	ours, theirs := net.Pipe()
	go b.serve(ours)
	conn, err := dbus.NewConn(theirs)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { conn.Close() })
	require.NoError(b.t, conn.Auth([]dbus.Auth{dbus.AuthExternal("root")}))
	require.NoError(b.t, conn.Hello())
	return conn
}

// serve is the bus's side of a connection, until that is closed.
func (b *bus) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch line = strings.TrimSpace(strings.TrimLeft(line, "\x00")); {
		case line == "AUTH":
			fmt.Fprint(conn, "REJECTED EXTERNAL\r\n")
			continue
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			fmt.Fprint(conn, "OK 0123456789abcdef0123456789abcdef\r\n")
			continue
		}
		break // BEGIN
	}
	b.mu.Lock()
	peer := fmt.Sprintf(":1.%d", len(b.peers))
	b.peers[peer] = conn
	b.mu.Unlock()
	for {
		m, err := dbus.DecodeMessage(in)
		if err != nil {
			b.leave(peer)
			return
		}
		m.Headers[dbus.FieldSender] = dbus.MakeVariant(peer)
		b.route(peer, m)
	}
}

// leave takes a peer's names from it.
func (b *bus) leave(peer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.names {
		b.change(name, func(queue []string) []string {
			return slices.DeleteFunc(queue, func(p string) bool { return p == peer })
		})
	}
}

func (b *bus) route(peer string, m *dbus.Message) {
	to, _ := m.Headers[dbus.FieldDestination].Value().(string)
	b.mu.Lock()
	defer b.mu.Unlock()
	if to == busName {
		b.answer(peer, m)
		return
	}
	if queue := b.names[to]; len(queue) > 0 {
		to = queue[0]
	}
	if b.peers[to] == nil {
		b.reply(peer, m, dbus.TypeError, "nobody is "+to)
		return
	}
	m.Headers[dbus.FieldDestination] = dbus.MakeVariant(to) // a real bus tells who has a name that it has got it, instead
	b.send(to, m)
}

// answer is a call of the bus itself. The caller holds mu.
func (b *bus) answer(peer string, m *dbus.Message) {
	name := ""
	if len(m.Body) > 0 {
		name, _ = m.Body[0].(string)
	}
	queue := b.names[name]
	switch member := m.Headers[dbus.FieldMember].Value().(string); {
	case member == "Hello":
		b.reply(peer, m, dbus.TypeMethodReply, peer)
	case member == "RequestName" && name == b.deny:
		b.reply(peer, m, dbus.TypeError, "not allowed to own "+name)
	case member == "RequestName":
		if !slices.Contains(queue, peer) {
			b.change(name, func(queue []string) []string { return append(queue, peer) })
		}
		b.reply(peer, m, dbus.TypeMethodReply, uint32(dbus.RequestNameReplyPrimaryOwner))
	case member == "ReleaseName":
		b.change(name, func(queue []string) []string { return slices.Delete(queue, 0, 1) })
		b.reply(peer, m, dbus.TypeMethodReply, uint32(dbus.ReleaseNameReplyReleased))
	case member == "GetNameOwner" && len(queue) > 0:
		b.reply(peer, m, dbus.TypeMethodReply, queue[0])
	case member == "ListQueuedOwners":
		b.reply(peer, m, dbus.TypeMethodReply, queue)
	case member == "AddMatch":
		b.reply(peer, m, dbus.TypeMethodReply)
	default:
		b.reply(peer, m, dbus.TypeError, member+" failed")
	}
}

// change gives a name another queue, and tells all of a new owner. The caller holds mu.
func (b *bus) change(name string, how func([]string) []string) {
	owner := func() string { return append(slices.Clone(b.names[name]), "")[0] }
	before := owner()
	b.names[name] = how(slices.Clone(b.names[name]))
	if owner() == before {
		return
	}
	for peer := range b.peers {
		b.send(peer, &dbus.Message{
			Type: dbus.TypeSignal,
			Headers: headers(busName, map[dbus.HeaderField]any{
				dbus.FieldPath: dbus.ObjectPath("/org/freedesktop/DBus"), dbus.FieldInterface: busName,
				dbus.FieldMember: "NameOwnerChanged",
			}, name, before, owner()),
			Body: []any{name, before, owner()},
		})
	}
}

func (b *bus) reply(peer string, to *dbus.Message, kind dbus.Type, body ...any) {
	fields := map[dbus.HeaderField]any{dbus.FieldReplySerial: to.Serial()}
	if kind == dbus.TypeError {
		fields[dbus.FieldErrorName] = "org.freedesktop.DBus.Error.AccessDenied"
	}
	b.send(peer, &dbus.Message{Type: kind, Headers: headers(busName, fields, body...), Body: body})
}

func headers(sender string, fields map[dbus.HeaderField]any, body ...any) map[dbus.HeaderField]dbus.Variant {
	h := map[dbus.HeaderField]dbus.Variant{dbus.FieldSender: dbus.MakeVariant(sender)}
	for field, value := range fields {
		h[field] = dbus.MakeVariant(value)
	}
	if len(body) > 0 {
		h[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return h
}

// send writes a message to a peer, unless that has gone.
func (b *bus) send(peer string, m *dbus.Message) {
	if conn := b.peers[peer]; conn != nil && m.EncodeTo(conn, binary.LittleEndian) != nil {
		b.peers[peer] = nil
	}
}
