package tcmu

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// What an initiator gets is what the handler placed, and else zeros or nothing: never what an earlier command left in
// the data area, which tcmutest fills with Poison.
func TestDataIn(t *testing.T) {
	const offered = 3 * tcmutest.BlockSize / 2
	all := bytes.Repeat([]byte{0xa5}, offered)
	reply := func(n int, res scsi.Result) scsi.HandlerFunc {
		return func(c *scsi.Command) scsi.Result {
			c.Reply(all[:n])
			return res
		}
	}
	device := func(n int64) scsi.HandlerFunc { // as one that sends sense after data, as tapes do
		return func(c *scsi.Command) scsi.Result {
			c.Data.Clear(n)
			c.Data.Write(all[:n], 0)
			c.Transferred(scsi.DataIn, n)
			return c.RawSense([]byte{0x70, 0, 0x21})
		}
	}
	bad := func(blocks uint64) scsi.HandlerFunc { // a disk whose first blocks can be read, and no more
		return func(c *scsi.Command) scsi.Result {
			c.In(offered, 512).Write(all, 0)
			return c.Short(scsi.UnrecoveredReadError.WithInfo(blocks), int64(blocks)*512)
		}
	}
	for _, c := range []struct {
		name    string
		h       scsi.Handler
		without uint16
		want    []byte
	}{
		{"all of it", reply(offered, scsi.Result{}), 0, all},
		{"some, and it says how much", reply(5000, scsi.Result{}), 0, all[:5000]},
		{"some, on a kernel without READ_LEN", reply(5000, scsi.Result{}), tcmutest.ReadLength, join(all[:5000], make([]byte, offered-5000))},
		{"less than the first segment, without READ_LEN", reply(1, scsi.Result{}), tcmutest.ReadLength, join(all[:1], make([]byte, offered-1))},
		{"none: a length of 0 would mean all", good, 0, make([]byte, offered)},
		{"none, without READ_LEN", good, tcmutest.ReadLength, make([]byte, offered)},
		{"another status", reply(0, scsi.Conflict), 0, make([]byte, offered)},
		{"some and another status", reply(512, scsi.Result{Status: scsi.Busy}), 0, join(all[:512], make([]byte, offered-512))},
		{"CHECK CONDITION", reply(512, scsi.LBAOutOfRange), 0, nil},
		{"a device's CHECK CONDITION after some data", device(512), 0, all[:512]},
		{"a device's CHECK CONDITION after all of it", device(offered), 0, all},
		{"a device's CHECK CONDITION without data", device(0), 0, nil},
		{"a bad block", bad(3), 0, all[:3*512]},
		{"the first block is bad", bad(0), 0, nil},
		{"a bad block, without READ_LEN", bad(3), tcmutest.ReadLength, nil},
		{"a device's CHECK CONDITION, without READ_LEN", device(512), tcmutest.ReadLength, nil},
	} {
		for _, scatter := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				k := tcmutest.New(t, tcmutest.Config{Without: c.without, Scatter: scatter})
				attach(t, k, c.h, Options{})
				r := &tcmutest.Command{CDB: read10(0, 12), In: offered}
				k.Do(r)
				require.True(t, bytes.Equal(c.want, r.Data), "%d bytes", len(r.Data))
				require.False(t, bytes.Contains(r.Data, []byte{tcmutest.Poison}))
			})
		}
	}
}

// Where the blocks before a bad one cannot be delivered, the sense data does not name it: Linux would take it that they have
// been.
func TestABadBlockIsNamedIfWhatComesBeforeItIsDelivered(t *testing.T) {
	for without, want := range map[uint16]string{
		0:                   "f0 00 03 00 00 00 07 0a 00 00 00 00 11 00",
		tcmutest.ReadLength: "70 00 03 00 00 00 00 0a 00 00 00 00 11 00",
	} {
		k := tcmutest.New(t, tcmutest.Config{Without: without})
		attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
			c.In(8*512, 512)
			return c.Short(scsi.UnrecoveredReadError.WithInfo(7), 7*512)
		}), Options{})
		c := &tcmutest.Command{CDB: read10(0, 8), In: 8 * 512}
		k.Do(c)
		require.Equal(t, want, fmt.Sprintf("% x", c.Sense[:14]))
	}
}

func TestSenseReachesTheInitiator(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	attach(t, k, make(memory, 512), Options{})
	c := &tcmutest.Command{CDB: []byte{0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	k.Do(c)
	require.Equal(t, scsi.CheckCondition, scsi.Status(c.Status))
	require.Equal(t, join([]byte{0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0}, make([]byte, 82)), c.Sense[:])
}

func TestSenseOfADeviceReachesTheInitiatorAsItIs(t *testing.T) {
	sense := make([]byte, scsi.MaxSense)
	for i := range sense {
		sense[i] = byte(i + 0x72)
	}
	k := tcmutest.New(t, tcmutest.Config{})
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result { return c.RawSense(sense) }), Options{})
	c := &tcmutest.Command{CDB: make([]byte, 6)}
	k.Do(c)
	require.Equal(t, scsi.CheckCondition, scsi.Status(c.Status))
	require.Equal(t, sense, c.Sense[:])
}

// Data-Out stays as it is: nobody need clear what an initiator sent.
func TestTransferredDataOutIsLeftAlone(t *testing.T) {
	s := slot{cmd: scsi.Command{Data: scsi.Buffer{{1, 2, 3}}}}
	s.cmd.Begin()
	s.cmd.Transferred(scsi.DataOut, 0)
	require.Zero(t, s.conceal(scsi.Result{}, ReadLength))
	require.Equal(t, scsi.Buffer{{1, 2, 3}}, s.cmd.Data)
}

// A command with data in both directions has segments for each, and no handler knows which are which.
func TestBidirectionalCommandIsRefused(t *testing.T) {
	littleEndian(t)
	e := readEntry()
	e[8], e[12] = 1, 1
	mem := image(e)
	d := hand(t, mem, scsi.HandlerFunc(func(*scsi.Command) scsi.Result { t.Error("the handler was called"); return scsi.Result{} }))
	_, err := d.scan()
	require.NoError(t, err)
	require.Equal(t, []byte{2, 0, 0, 0}, mem[0x88:0x8c])
	require.Equal(t, []byte{0x70, 0, 5}, mem[0x90:0x93])
	require.EqualValues(t, 0x20, mem[0x9c])
}

func TestHandlerKnowsWhoAsks(t *testing.T) {
	nexus := &scsi.Nexus{Ends: scsi.Ends{Name: "everybody"}}
	k := tcmutest.New(t, tcmutest.Config{})
	attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if c.Nexus != nexus {
			return scsi.Conflict
		}
		return scsi.Result{}
	}), Options{Nexus: nexus})
	c := &tcmutest.Command{CDB: make([]byte, 6)}
	k.Do(c)
	require.Equal(t, scsi.Good, scsi.Status(c.Status))
}
