package tcmutest

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// order is what a fake daemon reads and writes the ring with.
var order = binary.NativeEndian

func open(t *testing.T, k *Kernel) (mem []byte, fd int) {
	mem, fd, err := k.Open()
	require.NoError(t, err)
	return mem, fd
}

// answer completes the entry at the tail as a daemon does, for any id, and returns the length of the entry.
func answer(mem []byte, id uint16, status byte) {
	tail := word(mem, 64)
	p := mem[mailboxSize+tail.Load():]
	order.PutUint16(p[4:], id)
	p[8] = status
	tail.Store((tail.Load() + order.Uint32(p)&^7) % order.Uint32(mem[8:]))
}

// The bytes are those that target_core_user.c would write, by hand.
func TestEntryOfACommand(t *testing.T) {
	if order.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes here are those of a little-endian machine")
	}
	k := New(t, Config{Ring: 4096 - 128, Blocks: 4, Scatter: true})
	mem, _ := open(t, k)
	require.Equal(t, []byte{2, 0, 15, 0, 0x80, 0, 0, 0, 0x80, 0x0f, 0, 0, 0, 0, 0, 0}, mem[:16])
	k.Submit(&Command{CDB: []byte{0x28, 0, 0, 0, 0, 7, 0, 0, 10, 0}, In: 5000})
	require.Equal(t, []byte{0x80, 0, 0, 0}, mem[12:16], "head")
	require.Equal(t, bytes.Join([][]byte{
		{0x81, 0, 0, 0, 1, 0, 0, 0},                      // 128 bytes, CMD, id 1
		{2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // two iovecs
		{0xf0, 0, 0, 0, 0, 0, 0, 0},                      // CDB at 128 + 112
		make([]byte, 16),
		{0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0},    // 4096 bytes at 0x1000
		{0, 0x30, 0, 0, 0, 0, 0, 0, 0x88, 0x03, 0, 0, 0, 0, 0, 0}, // 904 bytes at 0x3000
		make([]byte, 32),
		{0x28, 0, 0, 0, 0, 7, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0},
	}, nil), mem[0x80:0x100])
	require.Equal(t, bytes.Repeat([]byte{Poison}, 4096), mem[0x1000:0x2000])
}

func TestNeighboursAreOneIovec(t *testing.T) {
	k := New(t, Config{})
	mem, _ := open(t, k)
	k.Submit(&Command{CDB: make([]byte, 10), Out: bytes.Repeat([]byte{7}, 5000)})
	require.EqualValues(t, 1, order.Uint32(mem[0x80+8:]))
	require.EqualValues(t, 5000, order.Uint64(mem[0x80+56:]))
	base := order.Uint64(mem[0x80+48:])
	require.Zero(t, base%BlockSize)
	require.Equal(t, bytes.Repeat([]byte{7}, 5000), mem[base:base+5000])
}

// In a ring of 248 bytes a second entry of 120 leaves 8, which become a PAD.
func TestPadOfEightBytes(t *testing.T) {
	k := New(t, Config{Ring: 248})
	mem, _ := open(t, k)
	k.Submit(&Command{CDB: make([]byte, 6)})
	answer(mem, 1, 0)
	k.Reap()
	k.Submit(&Command{CDB: make([]byte, 6)})
	answer(mem, 1, 0)
	k.Reap()
	k.Submit(&Command{CDB: make([]byte, 6)})
	require.EqualValues(t, 8|opPad, order.Uint32(mem[mailboxSize+240:]))
	head, tail := k.Cursors()
	require.EqualValues(t, 120, head)
	require.EqualValues(t, 240, tail)
}

func TestDoorbellReaps(t *testing.T) {
	k := New(t, Config{})
	mem, fd := open(t, k)
	c := &Command{CDB: make([]byte, 6)}
	k.Submit(c)
	var event [8]byte
	n, err := unix.Read(fd, event[:])
	require.NoError(t, err)
	require.Equal(t, 4, n)
	answer(mem, 1, 0x18)
	require.False(t, c.Ended())
	_, err = unix.Write(fd, make([]byte, 4))
	require.NoError(t, err)
	k.Wait(c)
	require.EqualValues(t, 0x18, c.Status)
}

// What the kernel would break over, the test hears of.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		conf Config
		do   func(k *Kernel, mem []byte)
		want string
	}{
		{"id that is not in flight", Config{}, func(_ *Kernel, mem []byte) { answer(mem, 7, 0) }, "completion of id 7 at offset 0, which is not in flight"},
		{"id completed twice", Config{}, func(_ *Kernel, mem []byte) { answer(mem, 1, 0); answer(mem, 1, 0) }, "completion of id 1 at offset 120"},
		{"id completed after KEEP_BUF", Config{}, func(_ *Kernel, mem []byte) { mem[mailboxSize+7] = flagKeepBuffer; answer(mem, 1, 0); answer(mem, 1, 0) }, "completion of id 1 at offset 120, which has been completed with KEEP_BUF"},
		{"KEEP_BUF that is not known", Config{Without: KeepBuffer}, func(_ *Kernel, mem []byte) { mem[mailboxSize+7] = flagKeepBuffer; answer(mem, 1, 0) }, "KEEP_BUF"},
		{"freed what was not kept", Config{}, func(k *Kernel, _ []byte) { _ = k.FreeKeptBuffer(1) }, "free_kept_buf of id 1"},
		{"tail within an entry", Config{}, func(_ *Kernel, mem []byte) { answer(mem, 1, 0); word(mem, 64).Add(8) }, "at offset 240 there is none"},
		{"tail past the ring", Config{}, func(_ *Kernel, mem []byte) { word(mem, 64).Store(1 << 20) }, "the tail is at 1048576"},
		{"tail past the head", Config{}, func(_ *Kernel, mem []byte) { answer(mem, 1, 0); answer(mem, 2, 0); word(mem, 64).Add(8) }, "at offset 240 there is none"},
		{"out of order", Config{Without: OutOfOrder}, func(_ *Kernel, mem []byte) { answer(mem, 2, 0) }, "id 2 at offset 0, where 1 was"},
		{"READ_LEN that is not known", Config{Without: ReadLength}, func(_ *Kernel, mem []byte) { mem[mailboxSize+7] = flagReadLength; answer(mem, 1, 0) }, "READ_LEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found []error
			c.conf.Expect = func(err error) { found = append(found, err) }
			k := New(t, c.conf)
			mem, _ := open(t, k)
			k.Submit(&Command{CDB: make([]byte, 6)})
			k.Submit(&Command{CDB: make([]byte, 6)})
			c.do(k, mem)
			k.Reap()
			require.NotEmpty(t, found)
			require.ErrorContains(t, found[0], c.want)
		})
	}
}

func TestUnknownEntryMustBeFlagged(t *testing.T) {
	var found error
	k := New(t, Config{Expect: func(err error) { found = err }})
	mem, _ := open(t, k)
	require.True(t, k.Entry(6, 16))
	word(mem, 64).Store(16)
	k.Reap()
	require.ErrorContains(t, found, "UNKNOWN_OP")
}

func TestBrokenDeviceFailsEverything(t *testing.T) {
	k := New(t, Config{Expect: func(error) {}})
	mem, _ := open(t, k)
	k.Submit(&Command{CDB: make([]byte, 6)})
	answer(mem, 99, 0)
	k.Reap()
	c := &Command{CDB: make([]byte, 6)}
	k.Do(c)
	require.EqualValues(t, statusCheck, c.Status)
	require.NoError(t, k.ResetRing())
	k.Submit(c)
	answer(mem, c.ID, 0)
	k.Reap()
	k.Wait(c)
	require.EqualValues(t, statusGood, c.Status)
}

func TestFullRing(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		k := New(t, Config{Ring: 248, RefuseWhenFull: refuse})
		mem, _ := open(t, k)
		var all [3]*Command
		for i := range all {
			all[i] = &Command{CDB: make([]byte, 6)}
			k.Submit(all[i])
		}
		if refuse {
			require.True(t, all[2].Ended())
			require.EqualValues(t, statusTaskSetFull, all[2].Status)
			continue
		}
		ring, queue := k.InFlight()
		require.Equal(t, [2]int{2, 1}, [2]int{ring, queue})
		answer(mem, 2, 0)
		k.Reap()
		require.True(t, all[1].Ended())
		ring, queue = k.InFlight()
		require.Equal(t, [2]int{1, 1}, [2]int{ring, queue}, "8 bytes at the end and 120 at the begin are room for a PAD and nothing else: a byte stays free")
		answer(mem, 1, 0)
		k.Reap()
		ring, queue = k.InFlight()
		require.Equal(t, [2]int{1, 0}, [2]int{ring, queue})
	}
}

func TestFullDataArea(t *testing.T) {
	k := New(t, Config{Blocks: 2})
	mem, _ := open(t, k)
	first := &Command{CDB: make([]byte, 6), In: 2 * BlockSize}
	k.Submit(first)
	second := &Command{CDB: make([]byte, 6), In: 1}
	k.Submit(second)
	_, queue := k.InFlight()
	require.Equal(t, 1, queue)
	answer(mem, 1, 0)
	k.Reap()
	require.Equal(t, bytes.Repeat([]byte{Poison}, 2*BlockSize), first.Data)
	_, queue = k.InFlight()
	require.Zero(t, queue)
}

func TestBlockAndReset(t *testing.T) {
	k := New(t, Config{Ring: 248})
	open(t, k)
	var all [3]*Command
	for i := range all {
		all[i] = &Command{CDB: make([]byte, 6)}
		k.Submit(all[i])
	}
	require.NoError(t, k.BlockDev(true))
	require.True(t, all[2].Ended(), "what waits for room")
	require.False(t, all[0].Ended(), "what is in the ring stays")
	require.NoError(t, k.ResetRing())
	late := &Command{CDB: make([]byte, 6)}
	k.Do(late)
	for _, c := range append(all[:], late) {
		require.EqualValues(t, statusBusy, c.Status)
	}
	head, tail := k.Cursors()
	require.Zero(t, head+tail)
	require.NoError(t, k.BlockDev(false))
	require.False(t, k.Blocked())
}

func TestOneOpenAtATime(t *testing.T) {
	k := New(t, Config{})
	_, fd := open(t, k)
	_, _, err := k.Open()
	require.ErrorIs(t, err, unix.EBUSY)
	require.NoError(t, unix.Close(fd))
	open(t, k)
}

func TestRemove(t *testing.T) {
	k := New(t, Config{})
	_, fd := open(t, k)
	k.Remove()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(p, int(time.Second.Milliseconds()))
	require.NoError(t, err)
	require.NotZero(t, p[0].Revents&unix.POLLHUP)
	_, err = unix.Write(fd, make([]byte, 4))
	require.ErrorIs(t, err, unix.EPIPE)
}
