package sbc_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// abortable is a command under way.
type abortable struct {
	abort chan struct{}
	ended chan scsi.Result
}

// begin sends a command that has Data-Out, or none, and does not wait for its end.
func begin(d *sbc.Disk, h *scsitest.Host, cdb string, out []byte) *abortable {
	a := &abortable{make(chan struct{}), make(chan scsi.Result, 1)}
	c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{out}, Nexus: h.Nexus(), Aborted: a.abort}
	go func() { a.ended <- d.Do(c) }()
	return a
}

// stepped is a store of which everything waits until letGo is closed.
func stepped(m *recorder) (s backend.Store, letGo chan struct{}) {
	letGo = make(chan struct{})
	return backend.Intercept(m, func(backend.Op, int64, int64) error {
		<-letGo
		return nil
	}), letGo
}

// A command that is aborted while its first piece is with the store ends with that piece. What had been done stays done.
func TestAbortBetweenPieces(t *testing.T) {
	one := bytes.Repeat([]byte{0xa5}, 512)
	compare := append(pattern(200*512, 1), make([]byte, 200*512)...)
	unmapped := scsitest.Hex("0026 0020 00000000", "0000000000000010 00000010 00000000", "0000000000000040 00000010 00000000")
	scattered := make([]byte, 3*512)
	copy(scattered[32:], ranges(0x10, 1))
	copy(scattered[64:], ranges(0x40, 1))
	for _, c := range []struct {
		name, cdb string
		out       []byte
		did       []string
	}{
		{"VERIFY, of the medium", "2f 00 00000000 00 0200 00", nil, []string{"read 0+65536"}},
		{"VERIFY, with the data", "2f 02 00000000 00 00c8 00", compare[:200*512], []string{"read 0+65536"}},
		{"COMPARE AND WRITE", "89 00 0000000000000000 000000 c8 00 00", compare, []string{"read 0+65536"}},
		{"WRITE AND VERIFY", "2e 00 00000000 00 00c8 00", compare[:200*512], []string{"write 0+102400 durable"}},
		{"WRITE SAME", "93 00 0000000000000000 00000200 00 00", one, []string{"write 0+65536"}},
		{"UNMAP", "42 00 00000000 00 0028 00", unmapped, []string{"discard 8192+8192"}},
		{"WRITE SCATTERED", "9f 12 00 00 0001 00 00 0002 00000003 00 00", scattered, []string{"write 8192+512"}},
		{"EXTENDED COPY", "83 00 00*8 00000068 00 00",
			lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9), blocks(0, 0, 0, 1, 0, 20)}), []string{"read 0+512", "write 4608+512"}},
		{"WRITE USING TOKEN", "83 11 00000000 00000001 00000238 00 00",
			writeList(0, 0, zeroToken, ranges(0x10, 1, 0x40, 1)), []string{"discard 8192+512"}},
		{"SEND DIAGNOSTIC", "1d 04 00 0000 00", nil, []string{"read 0+512"}},
		{"SEND DIAGNOSTIC, extended", "1d c0 00 0000 00", nil, []string{"read 0+512"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newRecorder(1 << 20)
				copy(m.data, pattern(len(m.data), 1))
				s, letGo := stepped(m)
				d := newDisk(t, s)
				h := host(t, d)
				a := begin(d, h, c.cdb, c.out)
				synctest.Wait()
				require.Empty(t, a.ended, "it waits for the store")
				close(a.abort)
				synctest.Wait()
				require.Empty(t, a.ended, "what it has begun could still have an effect")
				close(letGo)
				require.Equal(t, scsi.Aborted, <-a.ended)
				require.Equal(t, c.did, m.took())
				h.Fetch("88 00 0000000000000000 00000001 00 00", 512).Data() // others go on
			})
		})
	}
}

// The same of a token that stands for blocks; the operation is known to have been aborted, and the token still good.
func TestAbortOfTokenCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := patterned(1)
		s, letGo := stepped(m)
		d := newDisk(t, s)
		h := host(t, d)
		token := tokenOf(h, 0, 4)
		list := writeList(0, 0, token, ranges(0x10, 2, 0x40, 2))
		a := begin(d, h, "83 11 00000000 00000007 00000238 00 00", list)
		synctest.Wait()
		status4(h, 7).Good("0000001c 11 11 0000 00000064 00 00 00 f1 0000000000000000 0000 00*6")
		close(a.abort)
		close(letGo)
		require.Equal(t, scsi.Aborted, <-a.ended)
		require.Equal(t, []string{"read 0+1024", "write 8192+1024"}, m.took())
		status4(h, 7).Good("0000002e 11 60 0001 ffffffff 02 12 12 f1 0000000000000002 0000 00*6", "70 00 0a 00*4 0a 00*10")
		writeUsingToken(h, 8, list).Good()
	})
}

// A copy in the background is no longer its command's.
func TestAbortAfterTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := patterned(1)
		s, letGo := stepped(m)
		d := newDisk(t, s)
		h := host(t, d)
		list := lid4(7, 0, 1, []string{first}, []string{blocks(0, 0, 0, 1, 0, 9), blocks(0, 0, 0, 1, 0, 20)})
		a := begin(d, h, "83 01 00*8 00000088 00 00", list)
		require.Equal(t, scsi.Result{}, <-a.ended)
		close(a.abort)
		close(letGo)
		synctest.Wait()
		status4(h, 7).Good("0000001c 01 01 0002 ffffffff 00 00 00 00 0000000000000400 0002 00*6")
	})
}

// A format or sanitize operation goes on without its command: only the end of it makes the medium one that can be used.
func TestAbortOfAJobsCommand(t *testing.T) {
	for _, c := range []struct {
		name, cdb, busy string
		out, block      []byte
	}{
		{"FORMAT UNIT", "04 00 0000 00 00", "02 04 04 80 0000", nil, make([]byte, 512)},
		{"SANITIZE, BLOCK ERASE", "48 02 0000000000 0000 00", "02 04 1b 80 0000", nil, make([]byte, 512)},
		{"SANITIZE, OVERWRITE", "48 01 0000000000 0006 00", "02 04 1b 80 0000", overwriteOnce, bytes.Repeat([]byte{0xa5, 0x5a}, 256)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := patterned(1)
				s, letGo := stepped(m)
				d := newDisk(t, s)
				h := host(t, d)
				a := begin(d, h, c.cdb, c.out)
				synctest.Wait()
				require.Empty(t, a.ended)
				close(a.abort)
				require.Equal(t, scsi.Aborted, <-a.ended)
				h.Send(ready).Sense(c.busy)
				close(letGo)
				synctest.Wait()
				h.Send(ready).Good()
				require.Equal(t, bytes.Repeat(c.block, len(m.data)/512), m.data)
			})
		})
	}
}

// Who waits for a self-test in the background to have been aborted can be aborted himself.
func TestAbortOfSelfTestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, letGo := stepped(newRecorder(1 << 20))
		d := newDisk(t, s)
		h := host(t, d)
		h.Send("1d 20 00 0000 00").Good()
		synctest.Wait()
		a := begin(d, h, "1d 80 00 0000 00", nil)
		synctest.Wait()
		require.Empty(t, a.ended)
		close(a.abort)
		require.Equal(t, scsi.Aborted, <-a.ended)
		h.Send("1d 04 00 0000 00").Sense("02 04 09")
		close(letGo)
		synctest.Wait()
		h.Send("1d 04 00 0000 00").Good()
	})
}
