package tcmu

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

func devNull(t testing.TB) int {
	fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// Each of these is a ring that the kernel never makes. The second entry is spoilt; the first is answered all the same.
func TestBrokenRing(t *testing.T) {
	littleEndian(t)
	const off = 128                                       // of the second entry, in the ring
	all := []byte{255, 255, 255, 255, 255, 255, 255, 255} // the largest number
	for _, c := range []struct {
		name  string
		spoil func(mem, e []byte) // the map, and the entry in it
		where uint32
		want  string
	}{
		{"PAD of no bytes", func(_, e []byte) { e[0] = 0 }, off, "PAD of 0 bytes"},
		{"CMD of no bytes", func(_, e []byte) { e[0] = 1 }, off, "CMD of 0 bytes"},
		{"unknown entry of no bytes", func(_, e []byte) { e[0] = 7 }, off, "ring opcode 7 of 0 bytes"},
		{"CMD without room for its answer", func(_, e []byte) { e[0] = 0x69 }, off, "CMD of 104 bytes, at least 112"},
		{"TMR without its fields", func(_, e []byte) { e[0] = 0x1a }, off, "TMR of 24 bytes, at least 32"},
		{"entry past the head", func(_, e []byte) { e[0] = 0x89 }, off, "CMD of 136 bytes where there are 128"},
		{"PAD past the head", func(_, e []byte) { e[0] = 0x88 }, off, "PAD of 136 bytes where there are 128"},
		{"entry of 4 GiB", func(_, e []byte) { copy(e, all[:4]) }, off, "4294967288 bytes"},

		{"CDB in the mailbox", func(_, e []byte) { e[24], e[25] = 0, 0 }, off, "CDB at 0x0 of the map"},
		{"CDB in another entry", func(_, e []byte) { e[24], e[25] = 0xf0, 0 }, off, "CDB at 0xf0 of the map"},
		{"CDB among the iovecs", func(_, e []byte) { e[24], e[25] = 0x48, 1 }, off, "CDB at 0x148 of the map"},
		{"CDB after the entry", func(_, e []byte) { e[24], e[25] = 0x80, 1 }, off, "CDB at 0x180 of the map"},
		{"CDB at the end of all numbers", func(_, e []byte) { copy(e[24:], all) }, off, "CDB at 0xffffffffffffffff"},
		{"CDB cut by the end of the entry", func(_, e []byte) { e[24] = 0x77; copy(e[119:], []byte{0x28}) }, off, "9 bytes for a CDB that begins with 0x28"},
		{"variable length CDB longer than the entry", func(_, e []byte) { e[112], e[119] = 0x7f, 0x18 }, off, "16 bytes for a CDB that begins with 0x7f"},
		{"variable length CDB without its length", func(_, e []byte) { e[24], e[25] = 0x7c, 1; e[124] = 0x7f }, off, "4 bytes for a CDB that begins with 0x7f"},

		{"more iovecs than the entry has room for", func(_, e []byte) { e[8] = 6 }, off, "6 iovecs and room for 5"},
		{"4 billion iovecs", func(_, e []byte) { copy(e[8:], all[:4]) }, off, "4294967295 iovecs"},
		{"iovecs that add up past 32 bits", func(_, e []byte) { copy(e[8:], all) }, off, "8589934590 iovecs"},
		{"iovec in the mailbox", func(_, e []byte) { e[48], e[49] = 0, 0 }, off, "iovec 0 is 4096 bytes at 0x0, outside"},
		{"iovec in the ring", func(_, e []byte) { e[48], e[49] = 0xff, 0x0f }, off, "iovec 0 is 4096 bytes at 0xfff, outside"},
		{"iovec past the map", func(_, e []byte) { e[49] = 0x31 }, off, "iovec 0 is 4096 bytes at 0x3100, outside"},
		{"iovec that ends past the map", func(_, e []byte) { e[65] = 0x30 }, off, "iovec 1 is 904 bytes at 0x3000, outside"},
		{"iovec longer than the map", func(_, e []byte) { copy(e[72:], all) }, off, "iovec 1 is 18446744073709551615 bytes at 0x1000"},
		{"iovec whose end overflows", func(_, e []byte) { copy(e[64:], all) }, off, "at 0xffffffffffffffff, outside"},

		{"TMR with more ids than it has room for", func(_, e []byte) { copy(e, tmrEntry()); e[0] = 0x82; e[12] = 49 }, off, "TMR with 49 ids and room for 48"},
		{"TMR with 4 billion ids", func(_, e []byte) { copy(e, tmrEntry()); e[0] = 0x82; copy(e[12:], all[:4]) }, off, "TMR with 4294967295 ids"},

		{"head past the ring", func(mem, _ []byte) { mem[12], mem[13] = 0x80, 0x0f }, 0xf80, "the head is there"},
		{"head not aligned", func(mem, _ []byte) { mem[12] = 4 }, 4 | 0x100, "the head is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := image(readEntry(), readEntry())
			e := mem[0x80+off:][:128]
			e[4], e[24], e[25] = 6, 0x70, 1 // id and CDB of its own
			d := hand(t, mem, good)
			c.spoil(mem, e)
			_, err := d.scan()
			requireBroken(t, err, c.where, c.want)
			require.ErrorContains(t, err, "reset")
			if c.where == off {
				require.EqualValues(t, 1, d.ring.counts.completions)
				require.EqualValues(t, off, d.ring.tail.Load())
				require.EqualValues(t, 1, d.bell.written.Load(), "the kernel hears of what was answered before")
			}
		})
	}
}

func TestEntryPastTheEndOfTheRing(t *testing.T) {
	littleEndian(t)
	mem := image()
	copy(mem[0x80+3840:], []byte{0x88, 0, 0, 0}) // PAD of 136 bytes, 128 before the end
	mem[64], mem[65] = 0x00, 0x0f                // tail 3840; the head is 0
	_, err := hand(t, mem, good).scan()
	requireBroken(t, err, 3840, "PAD of 136 bytes where there are 128")
}

func TestIDThatIsInFlight(t *testing.T) {
	littleEndian(t)
	mem := image(readEntry(), readEntry())
	d := hand(t, mem, good)
	h, err := d.ring.header(0, 256)
	require.NoError(t, err)
	require.NoError(t, d.ring.take(h, new(slot), waiting))
	_, err = d.scan()
	requireBroken(t, err, 128, "outside") // its CDB is in the first entry
	mem[0x80+128+24], mem[0x80+128+25] = 0x70, 1
	_, err = d.scan()
	requireBroken(t, err, 128, "CMD with id 5, which is in flight")
	ids, n := d.ring.outstanding(8)
	require.Equal(t, []uint16{5}, ids)
	require.Equal(t, 1, n)
}

func TestNothingIsCompletedTwice(t *testing.T) {
	littleEndian(t)
	d := hand(t, image(readEntry()), good)
	_, err := d.scan()
	require.NoError(t, err)
	tail := d.ring.tail.Load()
	require.ErrorContains(t, d.ring.complete(5, scsi.Result{}, 0), "twice")
	require.Equal(t, tail, d.ring.tail.Load())
}

// While a command is out, the ring's memory is still there to be written to.
func TestRingThatChangesUnderACommand(t *testing.T) {
	littleEndian(t)
	for _, c := range []struct {
		name  string
		spoil func(mem []byte)
		where uint32
		want  string
	}{
		{"the entry has become a PAD", func(mem []byte) { mem[0x80] = 0x80 }, 0, "PAD where a CMD was"},
		{"the entry has no length", func(mem []byte) { mem[0x80] = 1 }, 0, "CMD of 0 bytes"},
		{"the entry has grown", func(mem []byte) { mem[0x81] = 1 }, 0, "where there are 128"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := image(readEntry())
			d := hand(t, mem, scsi.HandlerFunc(func(*scsi.Command) scsi.Result { c.spoil(mem); return scsi.Result{} }))
			_, err := d.scan()
			requireBroken(t, err, c.where, c.want)
			require.EqualValues(t, 0, d.ring.tail.Load())
			require.ErrorIs(t, err, d.ring.complete(5, scsi.Result{}, 0), "nothing is completed any more")
		})
	}
}

func TestHeadAmongCommandsInFlight(t *testing.T) {
	littleEndian(t)
	mem := image(readEntry(), readEntry())
	d := hand(t, mem, good)
	h, err := d.ring.header(0, 256)
	require.NoError(t, err)
	require.NoError(t, d.ring.take(h, new(slot), waiting))
	mem[12], mem[13] = 0x40, 0
	_, err = d.ring.filled()
	requireBroken(t, err, 0x40, "among commands in flight from 0x0 to 0x80")
}

// A Device on such a ring ends, and says why.
func TestDeviceEndsOnBrokenRing(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			mem, fd, err := k.Open()
			require.NoError(t, err)
			d, err := Attach(Port{Name: "user_0/bad", Memory: mem, FD: fd}, good, way.opts)
			require.NoError(t, err)
			k.Do(&tcmutest.Command{CDB: read10(0, 1), In: 512})
			head, _ := k.Cursors()
			k.Plug()
			k.Submit(&tcmutest.Command{CDB: read10(0, 1), In: 512})
			word(mem, 128+int(head)).Store(1) // CMD of no bytes
			k.Unplug()
			select {
			case <-d.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("the device goes on")
			}
			requireBroken(t, d.Err(), head, "CMD of 0 bytes")
			require.ErrorContains(t, d.Err(), "user_0/bad: broken ring: at offset")
			left, err := d.Stop(context.Background())
			require.NoError(t, err)
			require.False(t, left.Clean)
		})
	}
}
