package sbc_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
	h.Fetch("12 00 00 0005 00", 5).Good("00 00 06 12 45")
	h.Fetch("25 00 00000000 0000 00 00", 8).Good("000007ff 00000200")

	h.Send("1b 01 0000 01 00").Good() // IMMED
	h.Send("00 00000000 00").Good()
	h.Send("1b 00 0000 04 00").Good() // NO_FLUSH
	require.Empty(t, m.took())
	h.Send("00 00000000 00").Sense("02 04 02")
}

func TestStartStopRefuses(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Send("1b 00 0000 02 00").Sense("05 24 00 c9 00 04") // LOEJ
	h.Send("1b 00 0000 11 00").Sense("05 24 00 cc 00 04") // POWER CONDITION 1h, ACTIVE
	h.Send("1b 00 0000 f0 00").Sense("05 24 00 cf 00 04")
	h.Send("1b 00 0001 00 00").Sense("05 24 00 c8 00 03") // POWER CONDITION MODIFIER
	h.Send("00 00000000 00").Good()
}
