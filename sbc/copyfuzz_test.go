package sbc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// thirdPartyCopies are the commands that FuzzCopyLists sends.
var thirdPartyCopies = []string{
	"83 00 00*8 %08x 00 00", "83 01 00*8 %08x 00 00", "83 10 00000000 00000001 %08x 00 00", "83 11 00000000 00000001 %08x 00 00",
}

// FuzzCopyLists sends any parameter list with each third-party copy command. One that is refused as such has had no effect;
// of one that is aborted, the segments before that have been copied.
func FuzzCopyLists(f *testing.F) {
	one, two := []string{first}, []string{first, second}
	for _, list := range [][]byte{
		lid1(1, 0, one, []string{blocks(0, 0, 0, 3, 0, 9)}), lid1(0, 0x18, two, []string{offsets(0, 0, 1, 512, 0, 9, 512, 0), blocks(2, 1, 0, 1, 0, 0)}),
		lid1(1, 0x10, two, []string{blocks(0, 0, 2, 1, 0, 0)}), lid1(1, 0, one, []string{blocks(0, 0xffff, 0, 0xffff, 1<<64-1, 0)}), lid1(1, 0, nil, nil),
		lid4(1, 0, 0, two, []string{blocks(0, 0, 1, 64, 0, 0)}), lid4(1, 0, 0, one, []string{offsets(4, 0, 0, 511, 0, 0, 1, 1)}),
		populateList(0, 0, "00000000", ranges(0, 1, 5, 3)), populateList(2, 60, "00800001", ranges(0, 64)), populateList(0, 0, "00000000", ranges(63, 2)),
		writeList(0, 1, zeroToken, ranges(0, 1, 5, 3)), writeList(2, 0, make([]byte, 512), ranges(1, 1)), writeList(0, 0, scsitest.Hex("00800001 0000 01f8 00*504"), ranges(1, 1)),
	} {
		for which := range thirdPartyCopies {
			f.Add(uint8(which), list)
			f.Add(uint8(which), list[:len(list)-1])
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, list []byte) {
		var manager sbc.CopyManager
		m1, m2 := newRecorder(64*512), newRecorder(64*512)
		copy(m1.data, pattern(len(m1.data), 1))
		copy(m2.data, pattern(len(m2.data), 2))
		d1, d2 := newDisk(t, m1, with(&manager)), newDisk(t, m2, with(&manager), isSecond)
		before1, before2 := bytes.Clone(m1.data), bytes.Clone(m2.data)
		buffer := bytes.Clone(list)
		c := &scsi.Command{CDB: scsitest.Hex(fmt.Sprintf(thirdPartyCopies[int(which)%len(thirdPartyCopies)], len(list))), Data: scsi.Buffer{buffer}, Nexus: d1.Join("host a")}
		r := d1.Do(c)
		d1.Close() // waits for what goes on in the background
		d2.Close()
		checkEnd(t, c, r, list, buffer)
		if !r.OK() && r.Key != scsi.CopyAborted {
			require.Equal(t, scsi.IllegalRequest, r.Key, "%v", r)
			require.True(t, bytes.Equal(before1, m1.data), "%v: blocks have changed all the same", r)
			require.True(t, bytes.Equal(before2, m2.data), "%v: blocks of another disk have changed all the same", r)
		}
	})
}
