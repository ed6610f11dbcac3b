package sbc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// ranges are block device range descriptors (SBC-3 5.7.3) of pairs of LBA and number of blocks.
func ranges(pairs ...uint64) (p []byte) {
	for i := 0; i < len(pairs); i += 2 {
		p = binary.BigEndian.AppendUint64(p, pairs[i])
		p = binary.BigEndian.AppendUint32(p, uint32(pairs[i+1]))
		p = append(p, 0, 0, 0, 0)
	}
	return p
}

// populateList is a parameter list of POPULATE TOKEN: RTV and IMMED, INACTIVITY TIMEOUT in seconds, ROD TYPE.
func populateList(flags, timeout int, rod string, descriptors []byte) []byte {
	n := len(descriptors)
	return append(scsitest.Hex(fmt.Sprintf("%04x %02x 00 %08x %s 0000 %04x", 14+n, flags, timeout, rod, n)), descriptors...)
}

// writeList is one of WRITE USING TOKEN (SBC-3 5.45.2): DEL_TKN and IMMED, OFFSET INTO ROD.
func writeList(flags int, offset uint64, token, descriptors []byte) []byte {
	n := len(descriptors)
	header := scsitest.Hex(fmt.Sprintf("%04x %02x 00*5 %016x", 534+n, flags, offset))
	return bytes.Join([][]byte{header, token, scsitest.Hex(fmt.Sprintf("00*6 %04x", n)), descriptors}, nil)
}

func populateToken(h *scsitest.Host, id int, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("83 10 00000000 %08x %08x 00 00", id, len(list)), list)
}

func writeUsingToken(h *scsitest.Host, id int, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("83 11 00000000 %08x %08x 00 00", id, len(list)), list)
}

// tokenInformation is RECEIVE ROD TOKEN INFORMATION.
func tokenInformation(h *scsitest.Host, id int) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("84 07 %08x 00*4 00001000 00 00", id), 4096)
}

// tokenOf populates a token and fetches it.
func tokenOf(h *scsitest.Host, pairs ...uint64) []byte {
	populateToken(h, 1, populateList(0, 0, "00000000", ranges(pairs...))).Good()
	return tokenInformation(h, 1).Data()[38:]
}

const allocAll = "84 08 00*8 00001000 00 00" // REPORT ALL ROD TOKENS

// zeroToken is the block device zero ROD token (SPC-4 5.17.6.6).
var zeroToken = scsitest.Hex("ffff0001 0000 01f8 00*504")

// TestToken is what Windows does: a token is made of one disk, fetched, and written to the other.
func TestToken(t *testing.T) {
	p := newTwoDisks(t)
	p.first.Send("83 10 00000000 00000001 00000030 00 00", scsitest.Hex(
		"002e 00 00 00000000 00000000 0000 0020", "0000000000000005 00000003 00000000", "0000000000000064 00000001 00000000")).Good()
	answer := tokenInformation(p.first, 1).Data()
	require.Equal(t, hex(scsitest.Hex("00000222 10 01 0000 ffffffff 00 00 00 f1 0000000000000004 0000 00*6", "00000202 0000")), hex(answer[:38]))
	token := answer[38:]
	require.Len(t, token, 512)
	require.Equal(t, hex(scsitest.Hex("00800001 0000 01f8")), hex(token[:8]))                             // ROD TYPE, ROD TOKEN LENGTH
	require.Equal(t, hex(scsitest.Hex(first)), hex(token[16:48]))                                         // CREATOR LOGICAL UNIT DESCRIPTOR
	require.Equal(t, hex(scsitest.Hex("00*8 0000000000000800 00*32 00000200 00*28")), hex(token[48:128])) // bytes, block length
	require.Equal(t, answer, tokenInformation(p.first, 1).Data(), "it may be fetched twice, where an answer was lost")
	p.first.Fetch(allocAll, 4096).Good("00000064 00000000", hex(token[:96]))
	p.second.Fetch(allocAll, 4096).Good("00000004 00000000")

	want := bytes.Clone(p.m2.data)
	copy(want[8*512:], p.m1.data[6*512:8*512])
	copy(want[10*512:], p.m1.data[100*512:101*512])
	p.second.Send("83 11 00000000 00000009 00000228 00 00", append(append(scsitest.Hex("0226 00 00*5 0000000000000001"), token...),
		scsitest.Hex("00*6 0010", "0000000000000008 00000003 00000000")...)).Good()
	require.True(t, bytes.Equal(want, p.m2.data))
	tokenInformation(p.second, 9).Good("00000020 11 01 0002 ffffffff 00 00 00 f1 0000000000000003 0000 00*6", "00000000")
	status4(p.second, 9).Good("0000001c 11 01 0002 ffffffff 00 00 00 f1 0000000000000003 0000 00*6")

	copy(want[0:], p.m1.data[5*512:8*512])
	copy(want[3*512:], p.m1.data[100*512:101*512])
	writeUsingToken(p.second, 9, writeList(0, 0, token, ranges(0, 1, 1, 1, 2, 2))).Good()
	require.True(t, bytes.Equal(want, p.m2.data))
	populateToken(p.first, 2, populateList(3, 600, "00800001", ranges(0, 1))).Good() // RTV, IMMED
	populateToken(p.first, 3, populateList(0, 1, "00000000", ranges(0, 0))).Good()   // nothing
	writeUsingToken(p.second, 4, writeList(0, 4, token, ranges(0, 0))).Good()
	p.first.Send("83 10 00000000 00000001 00000000 00 00").Good() // no list
	p.second.Send("83 11 00000000 00000001 00000000 00 00").Good()
}

// TestTokenIsOfItsTime: it is revoked as soon as what it stands for may change, by whatever command of whoever.
func TestTokenIsOfItsTime(t *testing.T) {
	block := make([]byte, 512)
	for name, test := range map[string]struct {
		change  func(a, b *scsitest.Host)
		revoked bool
	}{
		"write":                 {func(_, b *scsitest.Host) { b.Send("2a 00 0000000c 00 0001 00", block).Good() }, true},
		"write beside it":       {func(_, b *scsitest.Host) { b.Send("2a 00 0000000d 00 0001 00", block).Good() }, false},
		"write before it":       {func(_, b *scsitest.Host) { b.Send("2a 00 00000009 00 0001 00", block).Good() }, false},
		"write same":            {func(_, b *scsitest.Host) { b.Send("93 01 0000000000000000 0000000b 00 00").Good() }, true},
		"write same to the end": {func(_, b *scsitest.Host) { b.Send("93 01 0000000000000000 00000000 00 00").Good() }, true},
		"unmap":                 {func(_, b *scsitest.Host) { unmap(b, unmapList(10, 1)).Good() }, true},
		"read":                  {func(_, b *scsitest.Host) { b.Fetch("28 00 0000000a 00 0001 00", 512).Data() }, false},
		"copy to it": {func(a, _ *scsitest.Host) {
			extendedCopy1(a, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 11)})).Good()
		}, true},
		"copy from it": {func(a, _ *scsitest.Host) {
			extendedCopy1(a, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 3, 10, 0)})).Good()
		}, false},
		"another token to it": {func(a, _ *scsitest.Host) {
			writeUsingToken(a, 5, writeList(0, 0, tokenOf(a, 0, 1), ranges(10, 1))).Good()
		}, true},
		"zeros to it":     {func(a, _ *scsitest.Host) { writeUsingToken(a, 5, writeList(0, 0, zeroToken, ranges(12, 1))).Good() }, true},
		"zeros beside it": {func(a, _ *scsitest.Host) { writeUsingToken(a, 5, writeList(0, 0, zeroToken, ranges(13, 9))).Good() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTwoDisks(t)
			token := tokenOf(p.first, 10, 3)
			test.change(p.first, scsitest.Join(t, p.d1.Unit, "host b", &seen))
			a := writeUsingToken(p.second, 1, writeList(0, 0, token, ranges(0, 3)))
			if test.revoked {
				a.Sense("05 23 06")
				require.Equal(t, pattern(1<<20, 2), p.m2.data)
			} else {
				a.Good()
			}
		})
	}
}

// TestTokenChangesUnderway: what is copied while the blocks change is not given out as what they were.
func TestTokenChangesUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, letGo := waiting(patterned(1))
		var manager sbc.CopyManager
		d1 := newDisk(t, s, with(&manager))
		h1, h2 := host(t, d1), newHost(t, patterned(2), with(&manager), isSecond)
		token := tokenOf(h1, 10, 3)
		writeUsingToken(h2, 1, writeList(1, 0, token, ranges(0, 3))).Good() // IMMED
		synctest.Wait()
		tokenInformation(h2, 1).Good("00000020 11 12 0000 00000064 00 00 00 f1 0000000000000000 0000 00*6", "00000000")
		h1.Send("2a 00 0000000c 00 0001 00", make([]byte, 512)).Good()
		letGo <- struct{}{}
		synctest.Wait()
		tokenInformation(h2, 1).Good("00000032 11 02 0000 ffffffff 02 12 12 f1 0000000000000000 0000 00*6",
			"70 00 05 00000000 0a 00000000 23 06 00 000000", "00000000")
	})
}

// A token that is used to write what it stands for would be another afterwards.
func TestTokenOverItself(t *testing.T) {
	m := patterned(1)
	h := newHost(t, m)
	token := tokenOf(h, 10, 3)
	writeUsingToken(h, 2, writeList(0, 0, token, ranges(12, 3))).Sense("05 23 06")
	require.Equal(t, pattern(1<<20, 1), m.data)
}

func TestTokensEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoDisks(t)
		use := func(token []byte) *scsitest.Answer {
			return writeUsingToken(p.second, 2, writeList(0, 0, token, ranges(0, 1)))
		}
		token := tokenOf(p.first, 0, 1)
		for range 3 { // the timeout is one of inactivity
			time.Sleep(59 * time.Second)
			use(token).Good()
		}
		time.Sleep(time.Minute)
		use(token).Sense("05 23 07") // expired
		p.first.Fetch(allocAll, 4096).Good("00000004 00000000")
		populateToken(p.first, 1, populateList(0, 5, "00000000", ranges(0, 1))).Good()
		time.Sleep(5 * time.Second)
		use(tokenInformation(p.first, 1).Data()[38:]).Sense("05 23 07")

		token = tokenOf(p.first, 0, 1)
		writeUsingToken(p.second, 2, writeList(2, 0, token, ranges(0, 1))).Good() // DEL_TKN
		use(token).Sense("05 23 09")                                              // deleted

		token = tokenOf(p.first, 0, 1)
		p.d1.Close()
		use(token).Sense("05 23 08") // cancelled

		d := newDisk(t, ramdisk(t), with(&p.manager))
		token = tokenOf(host(t, d), 2000, 1)
		require.NoError(t, d.Resize(512<<10))
		require.NoError(t, d.Resize(1<<20))
		use(token).Sense("05 23 06") // revoked: its blocks have been cut off
	})
}

// TestTokenRefused: a token that is not, or is not quite, one that was given out.
func TestTokenRefused(t *testing.T) {
	p := newTwoDisks(t)
	token := tokenOf(p.first, 0, 4)
	changed := func(at int, b byte) []byte {
		other := bytes.Clone(token)
		other[at] ^= b
		return other
	}
	for name, test := range map[string]struct {
		token []byte
		want  string
	}{
		"ROD type":            {changed(3, 3), "05 23 01"},
		"internal ROD":        {make([]byte, 512), "05 23 01"},
		"length":              {changed(7, 1), "05 23 0a"},
		"length of zeros":     {scsitest.Hex("ffff0001 0000 01f0 00*504"), "05 23 0a"},
		"identifier":          {changed(8, 1), "05 23 04"},
		"creator":             {changed(16, 1), "05 23 05"},
		"number of bytes":     {changed(60, 1), "05 23 05"},
		"what nobody can see": {changed(511, 1), "05 23 05"},
		"management part":     {append(bytes.Clone(token[:96]), make([]byte, 416)...), "05 23 05"},
	} {
		t.Run(name, func(t *testing.T) {
			writeUsingToken(p.second, 2, writeList(0, 0, test.token, ranges(0, 1))).Sense(test.want)
			require.Empty(t, p.m2.took())
		})
	}
	large := newHost(t, patterned(3), with(&p.manager), blocksOf4096)
	writeUsingToken(large, 2, writeList(0, 0, token, ranges(0, 1))).Sense("05 23 00") // of other blocks
}

func TestTokenListsRefused(t *testing.T) {
	m := patterned(1)
	h := newHost(t, m)
	token := tokenOf(h, 0, 4)
	populate := func(flags, timeout int, rod string, pairs ...uint64) []byte {
		return populateList(flags, timeout, rod, ranges(pairs...))
	}
	write := func(offset uint64, pairs ...uint64) []byte { return writeList(0, offset, token, ranges(pairs...)) }
	patch := func(list []byte, at int, b ...byte) []byte { copy(list[at:], b); return list }
	many := make([]uint64, 2*129)
	for name, test := range map[string]struct {
		send func(*scsitest.Host, int, []byte) *scsitest.Answer
		list []byte
		want string
	}{
		"header cut":              {populateToken, populate(0, 0, "00000000", 0, 1)[:15], "05 1a 00"},
		"descriptor cut":          {populateToken, populate(0, 0, "00000000", 0, 1)[:31], "05 1a 00"},
		"no descriptors":          {populateToken, populate(0, 0, "00000000"), "05 26 00 80 00 00"},
		"descriptor length":       {populateToken, patch(populate(0, 0, "00000000", 0, 1), 15, 15), "05 26 00 80 00 0e"},
		"longer than data length": {populateToken, patch(populate(0, 0, "00000000", 0, 1, 2, 1), 1, 0x2d), "05 26 00 80 00 0e"},
		"too many descriptors":    {populateToken, populate(0, 0, "00000000", many...), "05 26 08 80 00 0e"},
		"out of range":            {populateToken, populate(0, 0, "00000000", 0, 1, 2047, 2), "05 21 00 80 00 20"},
		"far out of range":        {populateToken, populate(0, 0, "00000000", 1<<64-1, 2), "05 21 00 80 00 10"},
		"overlap":                 {populateToken, populate(0, 0, "00000000", 9, 2, 0, 1, 10, 1), "05 26 00 80 00 10"},
		"INACTIVITY TIMEOUT":      {populateToken, populate(0, 601, "00000000", 0, 1), "05 26 00 80 00 04"},
		"ROD TYPE":                {populateToken, populate(2, 0, "00010000", 0, 1), "05 26 00 80 00 08"},
		"write, header cut":       {writeUsingToken, write(0, 0, 1)[:535], "05 1a 00"},
		"write, descriptor cut":   {writeUsingToken, write(0, 0, 1)[:551], "05 1a 00"},
		"write, no descriptors":   {writeUsingToken, write(0), "05 26 00 80 00 00"},
		"write, too many":         {writeUsingToken, write(0, many...), "05 26 08 80 02 16"},
		"write, out of range":     {writeUsingToken, write(0, 2048, 1), "05 21 00 80 02 18"},
		"write, overlap":          {writeUsingToken, write(0, 9, 1, 9, 1), "05 26 00 80 02 18"},
		"OFFSET INTO ROD":         {writeUsingToken, write(5, 9, 0), "05 26 00 80 00 08"},
		"OFFSET INTO ROD, far":    {writeUsingToken, write(1<<64-1, 9, 1), "05 26 00 80 00 08"},
		"more than the ROD has":   {writeUsingToken, write(3, 100, 1, 9, 1), "05 26 00 80 02 16"},
	} {
		t.Run(name, func(t *testing.T) {
			test.send(h, 5, test.list).Sense(test.want)
			require.Empty(t, m.took())
			tokenInformation(h, 5).Sense("05 24 00 cf 00 02")
		})
	}
	null := newHost(t, backend.NewNull(1<<40))
	populateToken(null, 1, populate(0, 0, "00000000", 0, 1<<19)).Good() // MAXIMUM TOKEN TRANSFER SIZE
	populateToken(null, 2, populate(0, 0, "00000000", 0, 1<<19, 1<<20, 1)).Sense("05 26 00 80 00 28")
}

// TestTokenOfAnother: a list identifier is not given to another operation before its token has been fetched. Behind a ring
// all initiators are one nexus, and one would fetch the token of another.
func TestTokenOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, patterned(1))
		list := populateList(0, 0, "00000000", ranges(0, 1))
		populateToken(h, 1, list).Good()
		populateToken(h, 1, list).Sense("05 00 16")
		writeUsingToken(h, 1, writeList(0, 0, zeroToken, ranges(9, 1))).Sense("05 00 16")
		time.Sleep(50 * time.Second)
		tokenInformation(h, 1).Data()
		tokenInformation(h, 1).Data() // again, where the answer was lost
		populateToken(h, 1, list).Good()
		time.Sleep(time.Minute)
		populateToken(h, 1, list).Good()
	})
}

func TestTooManyTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, patterned(1))
		token := tokenOf(h, 0, 1)
		for range 255 {
			tokenOf(h, 0, 1)
		}
		populateToken(h, 1, populateList(0, 0, "00000000", ranges(0, 1))).Sense("05 55 0d")
		require.Len(t, h.Fetch("84 08 00*8 00010000 00 00", 65536).Data(), 8+256*96)
		for range 3 {
			h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good() // all revoked
			for range 256 {
				tokenOf(h, 0, 1)
			}
		}
		writeUsingToken(h, 2, writeList(0, 0, token, ranges(9, 1))).Sense("05 23 04") // long forgotten
	})
}

// TestZeroToken: zeros are freed where that reads as zeros, and written elsewhere.
func TestZeroToken(t *testing.T) {
	for _, thin := range []bool{true, false} {
		m := patterned(1)
		m.thin = thin
		h := newHost(t, m)
		writeUsingToken(h, 1, writeList(0, 77, zeroToken, ranges(5, 3, 100, 0, 2000, 48))).Good()
		how := map[bool]string{true: "discard", false: "zero"}[thin]
		require.Equal(t, []string{how + " 2560+1536", how + " 1024000+24576"}, m.took())
		tokenInformation(h, 1).Good("00000020 11 01 0002 ffffffff 00 00 00 f1 0000000000000033 0000 00*6", "00000000")
	}
	null := newHost(t, backend.NewNull(1<<40))
	writeUsingToken(null, 1, writeList(0, 0, zeroToken, ranges(0, 1<<19))).Good() // in pieces
	tokenInformation(null, 1).Good("00000020 11 01 0040 ffffffff 00 00 00 f1 0000000000080000 0000 00*6", "00000000")
}

// TestWriteUsingTokenMeetsErrors: those of the disk itself are as those of a write, those of another are COPY ABORTED.
func TestWriteUsingTokenMeetsErrors(t *testing.T) {
	for _, test := range []struct {
		op   backend.Op
		err  error
		want string
	}{
		{backend.OpWrite, errBroken, "0a 0d 01"}, {backend.OpWrite, syscall.ENOSPC, "07 27 07"}, {backend.OpDiscard, errBroken, "03 0c 00"},
		{backend.OpDiscard, syscall.EDQUOT, "07 27 07"},
	} {
		var manager sbc.CopyManager
		h1 := newHost(t, patterned(1), with(&manager))
		h2 := newHost(t, backend.Intercept(patterned(2), backend.FailNth(test.op, 1, test.err)), with(&manager), isSecond)
		token := tokenOf(h1, 0, 4)
		if test.op == backend.OpDiscard {
			token = zeroToken
		}
		writeUsingToken(h2, 1, writeList(0, 0, token, ranges(0, 2, 10, 1))).Sense(test.want)
		writeUsingToken(h2, 1, writeList(0, 0, token, ranges(0, 2, 10, 1))).Good()
	}
	p := newTwoDisks(t)
	token := tokenOf(p.first, 0, 4)
	p.d1.Set(scsi.Stopped, true)
	writeUsingToken(p.second, 1, writeList(0, 0, token, ranges(0, 1))).Sense("0a 04 02")
}

// TestZerosInTheBackground are aborted too.
func TestZerosInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		h := newHost(t, backend.Intercept(backend.NewNull(1<<30), func(op backend.Op, _, _ int64) error { <-letGo; return nil }))
		writeUsingToken(h, 1, writeList(1, 0, zeroToken, ranges(0, 1<<14))).Good() // two pieces
		synctest.Wait()
		h.Send("83 1c 00000001 00*8 00 00").Good()
		letGo <- struct{}{}
		synctest.Wait()
		tokenInformation(h, 1).Good("00000032 11 60 0001 ffffffff 02 12 12 f1 0000000000002000 0000 00*6", "70 00 0a 00000000 0a 00000000 00 00 00 000000", "00000000")
	})
}
