package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrefetch: whatever is asked for, GOOD, and no word to the store (SBC-4 5.13).
func TestPrefetch(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, cdb := range []string{"34 %02x %08x 03 %04x 00", "90 %02x %016x %08x 03 00"} {
		for _, immed := range []int{0, 2} {
			for _, e := range [][2]int{{0, 0}, {0, 2048}, {2047, 1}, {2048, 0}} { // 0: to the end
				h.Send(fmt.Sprintf(cdb, immed, e[0], e[1])).Good()
			}
		}
		h.Send(fmt.Sprintf(cdb, 0, 2047, 2)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(cdb, 0, 2049, 0)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(cdb, 1, 0, 1)).Sense("05 24 00 c8 00 01") // RELADR, obsolete
	}
	require.Empty(t, m.took())
}
