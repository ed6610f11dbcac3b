package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// SBC-3 5.25: stopping makes the medium unavailable, after what the cache holds is on it.
func TestStartStop(t *testing.T) {
	m := volatile()
	h := newHost(t, m)
	h.Send("00 00000000 00").Good()
	h.Send("1b 00 0000 01 00").Good() // START, already started
	require.Empty(t, m.took())

	h.Send("1b 00 0000 00 00").Good()
	require.Equal(t, []string{"flush"}, m.took())
	h.Send("00 00000000 00").Sense("02 04 02")
	h.Fetch("28 00 00000000 00 0001 00", 512).Sense("02 04 02")
	h.Fetch("03 00 0000 12 00", 18).Good("70 00 02 00*4 0a 00*4 04 02 00*4")
	h.Fetch("03 01 0000 12 00", 18).Good("72 02 04 02 00 00 00 00")
	h.Fetch("12 00 00 0005 00", 5).Data()
	h.Fetch("25 00 00000000 0000 00 00", 8).Good("000007ff 00000200")

	h.Send("1b 01 0000 01 00").Good() // IMMED
	h.Send("00 00000000 00").Good()
	h.Send("1b 00 0000 04 00").Good() // NO_FLUSH
	require.Empty(t, m.took())
	h.Send("00 00000000 00").Sense("02 04 02")
}

func TestStartStopRefuses(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Send("1b 00 0000 02 00").Sense("05 24 00 c9 00 04") // LOEJ: there is nothing to eject
	h.Send("1b 00 0001 00 00").Sense("05 24 00 cb 00 03") // POWER CONDITION MODIFIER without a condition
	h.Send("1b 00 0010 00 00").Sense("05 24 00 cc 00 03")
	h.Send("1b 00 0001 20 00").Sense("05 24 00 cb 00 03")                // idle_b
	for _, condition := range []int{4, 5, 6, 8, 9, 0xa, 0xb, 0xc, 0xf} { // FORCE_IDLE_0: there is no timer to run out
		h.Send(fmt.Sprintf("1b 00 0000 %x0 00", condition)).Sense("05 24 00 cf 00 04")
	}
	h.Send("00 00000000 00").Good()
}

// The power condition shows in REQUEST SENSE alone (SPC-4 6.39), and the first command for the medium ends it.
func TestPowerConditions(t *testing.T) {
	const (
		active  = "70 00 00 00*4 0a 00*4 00 00 00*4"
		idle    = "70 00 00 00*4 0a 00*4 5e 03 00*4"
		standby = "70 00 00 00*4 0a 00*4 5e 04 00*4"
	)
	m := volatile()
	d := newDisk(t, m)
	a, b := host(t, d), host(t, d)
	is := func(want string) { t.Helper(); b.Fetch("03 00 0000 12 00", 18).Good(want) }
	is(active)
	a.Send("1b 00 0000 20 00").Good() // idle_a
	require.Empty(t, m.took())
	is(idle)
	a.Send("00 00000000 00").Good()
	a.Fetch("12 00 00 0005 00", 5).Data()
	a.Fetch("25 00 00000000 0000 00 00", 8).Data()
	is(idle)
	b.Fetch("28 00 00000000 00 0001 00", 512).Data()
	is(active)

	a.Send("1b 00 0000 30 00").Good() // standby_z
	require.Equal(t, "flush", m.took()[1], "after the READ")
	is(standby)
	a.Send("1b 00 0000 34 00").Good() // NO_FLUSH
	require.Empty(t, m.took())
	b.Fetch("03 01 0000 12 00", 18).Good("72 00 5e 04 00 00 00 00")
	for _, wake := range []string{"1b 00 0000 10 00", "1b 00 0000 70 00", "1b 00 0000 01 00"} { // ACTIVE, LU_CONTROL, START
		a.Send("1b 00 0000 30 00").Good()
		is(standby)
		a.Send(wake).Good()
		is(active)
	}
	a.Send("1b 00 0000 00 00").Good() // stopped
	is("70 00 02 00*4 0a 00*4 04 02 00*4")
	a.Send("1b 00 0000 20 00").Good()
	is(idle)
	a.Send("1b 00 0000 00 00").Good()
	a.Send("00 00000000 00").Sense("02 04 02")
}

// A unit that is formatted is in no power condition, before and after.
func TestJobEndsPowerCondition(t *testing.T) {
	m := filled()
	d := newDisk(t, m)
	h := host(t, d)
	h.Send("1b 00 0000 34 00").Good()
	h.Send(startOverwrite, overwriteOnce).Good()
	h.Fetch("28 00 00000000 00 0001 00", 512).Sense("02 04 1b 80 0000")
	require.Equal(t, scsi.SanitizeInProgress.Code, h.Send("1b 00 0000 20 00").Code)
	m.pieces(4)
}
