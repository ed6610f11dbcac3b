package sbc_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

const (
	eject   = "1b 00 0000 02 00"
	load    = "1b 00 0000 03 00"
	prevent = "1e 00 0000 01 00"
	allow   = "1e 00 0000 00 00"
)

// An ejected medium is gone for all; who has not loaded it himself is told when it is back.
func TestEjectAndLoad(t *testing.T) {
	m := volatile()
	d := newDisk(t, m, removable)
	a, b := host(t, d), host(t, d)
	a.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good()
	a.Send(eject).Good()
	require.Equal(t, []string{"write 0+512", "flush"}, m.took())
	for _, h := range []interface{ Nexus() *scsi.Nexus }{a, b} {
		require.True(t, h.Nexus().TakeAttention().OK())
	}
	b.Send(ready).Sense("02 3a 00")
	b.Fetch("28 00 00000000 00 0001 00", 512).Sense("02 3a 00")
	b.Fetch("25 00 00000000 0000 00 00", 8).Sense("02 3a 00")
	b.Fetch("03 00 0000 12 00", 18).Good("70 00 02 00*4 0a 00*4 3a 00 00*4")
	b.Fetch("12 00 00 0002 00", 2).Good("00 80")
	b.Fetch("1a 08 3f 00 ff 00", 255).Data()
	a.Send(eject).Good() // it is outside
	a.Send("1b 00 0000 01 00").Good()
	a.Send(ready).Sense("02 3a 00") // to start it is not to load it
	a.Send("1b 01 0000 03 00").Good()
	a.Send(ready).Good()
	b.Send(ready).Sense("06 28 00")
	b.Send(ready).Good()
	a.Send(load).Good() // it is inside
	b.Send(ready).Good()
	require.Empty(t, m.took())
	a.Send("1b 00 0000 06 00").Good() // NO_FLUSH
	require.Empty(t, m.took())
}

// libiscsi's StartStopUnit: without LOEJ the medium stays ready, and POWER CONDITION, of whatever value, keeps LOEJ from
// having an effect.
func TestRemovableMediumStays(t *testing.T) {
	m := volatile()
	h := newHost(t, m, removable)
	h.Send("1b 00 0000 00 00").Good()
	require.Equal(t, []string{"flush"}, m.took())
	h.Send(ready).Good()
	for condition := 1; condition < 16; condition++ {
		h.Send(fmt.Sprintf("1b 01 0000 %x2 00", condition)).Good()
		h.Send(ready).Good()
	}
}

func TestPreventRemoval(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20), removable)
	a, b, c := host(t, d), host(t, d), host(t, d)
	a.Send(prevent).Good()
	b.Send(prevent).Good()
	a.Send(prevent).Good()
	for _, h := range []string{eject, load} {
		a.Send(h).Sense("05 53 02")
		c.Send(h).Sense("05 53 02")
	}
	c.Send(allow).Good() // of its own
	c.Send(eject).Sense("05 53 02")
	a.Send(allow).Good()
	c.Send(eject).Sense("05 53 02")
	d.Leave(b.Nexus()) // I_T nexus loss
	c.Send(eject).Good()
	a.Send(prevent).Good() // of one that is outside, too
	c.Send(load).Sense("05 53 02")
	d.Reset(a.Nexus())
	c.Send(ready).Sense("06 29 03")
	c.Send(load).Good()
	a.Send(ready).Sense("06 28 00")
	a.Send("1e 00 0000 02 00").Sense("05 24 00 c9 00 04")
	a.Send("1e 00 0000 03 00").Sense("05 24 00 c9 00 04")

	newHost(t, newRecorder(1<<20)).Send(prevent).Sense("05 20 00")
}

// A medium that is outside stays there while no disk is made of it.
func TestEjectedIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	host(t, newDisk(t, newRecorder(1<<20), removable, keeping(path))).Send(eject).Good()
	for range 2 {
		d := newDisk(t, newRecorder(1<<20), removable, keeping(path))
		require.NoError(t, d.Restore())
		host(t, d).Send(ready).Sense("02 3a 00")
	}
	d := newDisk(t, newRecorder(1<<20), keeping(path)) // and now it cannot be outside
	require.NoError(t, d.Restore())
	host(t, d).Send(ready).Good()
	d = newDisk(t, newRecorder(1<<20), removable, keeping(path))
	require.NoError(t, d.Restore())
	host(t, d).Send(load).Good()
	require.NoFileExists(t, path)

	s := &records{kept: map[string][]byte{}, refuse: func(string, []byte) error { return errors.New("no space left") }}
	h := newHost(t, newRecorder(1<<20), removable, withState(s))
	h.Send(eject).Sense("04 44 00")
	h.Send(ready).Good()
	d = newDisk(t, newRecorder(1<<20), removable, withState(&records{kept: map[string][]byte{"ejected": {2}}}))
	require.ErrorContains(t, d.Restore(), "02 is not known")
}

// Some transports do not tell when an initiator has logged out. What it prevented ends when another minds.
func TestPreventionEndsWithTheSession(t *testing.T) {
	d := newDisk(t, volatile(), removable)
	a, b := host(t, d), host(t, d)
	session := "1"
	a.Nexus().Watch(func() (string, bool) { return session, true })
	a.Send(prevent).Good()
	b.Send(eject).Sense("05 53 02")
	session = "2"
	b.Send(eject).Good()
	b.Send(load).Good()
	a.Send(ready).Sense("06 28 00")
	b.Send(prevent).Good()
	a.Send(eject).Sense("05 53 02")
}
