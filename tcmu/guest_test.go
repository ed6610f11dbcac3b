//go:build guest

package tcmu

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/sgio"
)

// These tests run as root in the virtual machine, against the real kernel.

const guestSize = 16 << 20

// longest is how long anything may take, on a host that is busy.
const longest = time.Minute

// disk answers as much as Linux' sd driver needs to make a /dev/sdX of memory.
type disk struct {
	memory
	gate atomic.Pointer[chan struct{}] // reads wait for it to be closed, if there is one
}

func (d *disk) Do(c *scsi.Command) scsi.Result {
	be := binary.BigEndian
	switch c.CDB[0] {
	case 0x00: // TEST UNIT READY
		return scsi.Result{}
	case 0x12: // INQUIRY
		if c.CDB[1] != 0 {
			return scsi.InvalidFieldInCDB
		}
		p := []byte("\x00\x00\x05\x02\x1f\x00\x00\x00TCMUD   guest test      0001")
		c.Reply(p[:min(len(p), int(be.Uint16(c.CDB[3:])))])
		return scsi.Result{}
	case 0x25: // READ CAPACITY (10)
		c.Reply(be.AppendUint32(be.AppendUint32(nil, uint32(len(d.memory)/512-1)), 512))
		return scsi.Result{}
	case 0x28:
		if gate := d.gate.Load(); gate != nil {
			<-*gate
		}
	}
	return d.memory.Do(c)
}

// create makes a TCMU device and finds its ring.
func create(t testing.TB, name string) (lio.StorageObject, UIO) {
	root, err := lio.Open()
	require.NoError(t, err)
	so, err := root.CreateUser(lio.User{Name: name, Config: "tcmutest/" + name, Size: guestSize})
	require.NoError(t, err)
	deleteAfter(t, so)
	all, err := Scan()
	require.NoError(t, err)
	for _, u := range all {
		if u.Name == name {
			require.Equal(t, so.HBA, u.HBA)
			require.Equal(t, "tcmutest/"+name, u.Config)
			return so, u
		}
	}
	t.Fatalf("%s is not among %v", name, all)
	return so, UIO{}
}

// deleteAfter deletes it when the test ends, unless the test has done so.
func deleteAfter(t testing.TB, so lio.StorageObject) {
	t.Cleanup(func() {
		if so.Exists() {
			require.NoError(t, so.Delete())
		}
	})
}

// control counts in resets how often the ring is reset.
func control(so lio.StorageObject, resets *int) *Control {
	return &Control{BlockDev: so.BlockDev, ResetRing: func() error {
		*resets++
		return so.ResetRing(lio.ResetBusy)
	}}
}

func openGuest(t testing.TB, u UIO, h scsi.Handler, o Options) *Device {
	d, err := Open(context.Background(), u, h, o)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, d) })
	return d
}

// plug makes a /dev/sdX of the device, which somebody serves.
func plug(t testing.TB, so lio.StorageObject) *os.File {
	root, err := lio.Open()
	require.NoError(t, err)
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Delete()) })
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	lun, err := tpg.CreateLUN(so, 0)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	sd, err := lun.WaitDisk(ctx)
	require.NoError(t, err)
	var f *os.File
	require.Eventually(t, func() bool { // the node may be there before the disk, or still be that of the one before
		f, err = os.OpenFile("/dev/"+sd.Block, os.O_RDWR|unix.O_DIRECT, 0)
		return err == nil
	}, longest, 10*time.Millisecond, "open %s: %v", sd.Block, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// aligned is a buffer for O_DIRECT.
func aligned(t testing.TB, n int) []byte {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	return p
}

func TestGuestDataSurvivesTheRing(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			so, u := create(t, "ring-"+way.name)
			d := openGuest(t, u, &disk{memory: make(memory, guestSize)}, Options{Workers: way.opts.Workers})
			require.Equal(t, OutOfOrder|ReadLength|TaskManagement|KeepBuffer, d.ring.features)
			require.EqualValues(t, 128, d.ring.mailbox.begin)
			require.EqualValues(t, 1<<20-128, d.ring.size)
			require.Len(t, d.ring.mem, 1<<20+1<<30)

			f := plug(t, so)
			out, in := aligned(t, guestSize), aligned(t, guestSize)
			_, err := rand.Read(out)
			require.NoError(t, err)
			const block = 256 << 10
			for off := 0; off < guestSize; off += block {
				_, err := f.WriteAt(out[off:off+block], int64(off))
				require.NoError(t, err)
			}
			_, err = f.ReadAt(in, 0)
			require.NoError(t, err)
			require.True(t, bytes.Equal(out, in))
			s := d.Stats()
			t.Logf("%+v", s)
			require.Equal(t, s.Commands, s.Completions)
			require.NotZero(t, s.Wakeups)
		})
	}
}

// The kernel delivers what comes before a bad block, and the sense data; sd takes the one for done by the other.
func TestGuestDeliversWhatComesBeforeABadBlock(t *testing.T) {
	const first, bad, blocks = 96, 101, 16
	m := make(memory, guestSize)
	_, err := rand.Read(m)
	require.NoError(t, err)
	so, u := create(t, "badblock")
	openGuest(t, u, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if c.CDB[0] != 0x28 || c.Uint(scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 4)) != first {
			return (&disk{memory: m}).Do(c)
		}
		c.In(blocks*512, 512).Write(m[first*512:bad*512], 0)
		return c.Short(scsi.UnrecoveredReadError.WithInfo(bad), (bad-first)*512)
	}), Options{})
	f := plug(t, so)
	nodes, err := filepath.Glob("/sys/block/" + filepath.Base(f.Name()) + "/device/scsi_generic/*")
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	sg, err := sgio.OpenNode("/dev/" + filepath.Base(nodes[0]))
	require.NoError(t, err)
	defer sg.Close()
	buffer := make([]byte, blocks*512)
	c := &scsi.Command{CDB: read10(first, blocks), Data: scsi.Buffer{buffer}}
	c.Begin()
	r := sg.Do(c)
	require.Equal(t, "MEDIUM ERROR, UNRECOVERED READ ERROR", r.String())
	var sense [scsi.MaxSense]byte
	r.Sense(sense[:])
	require.EqualValues(t, 0x80, sense[0]&0x80, "VALID")
	require.EqualValues(t, bad, binary.BigEndian.Uint32(sense[3:]))
	n, _ := c.Moved()
	require.EqualValues(t, (bad-first)*512, n)
	require.True(t, bytes.Equal(m[first*512:bad*512], buffer[:n]))
}

func TestGuestOneProcessServesARing(t *testing.T) {
	_, u := create(t, "busy")
	openGuest(t, u, memory{}, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, u, memory{}, Options{})
	require.ErrorContains(t, err, "another process serves this device")
	require.ErrorIs(t, err, unix.EBUSY)
}

// Commands that are sent while nobody serves the ring wait in it, and are answered as if nothing had been.
func TestGuestResume(t *testing.T) {
	so, u := create(t, "resume")
	store := &disk{memory: make(memory, guestSize)}
	d := openGuest(t, u, store, Options{Workers: 4})
	f := plug(t, so)
	p := aligned(t, 64<<10)
	for i := range 50 {
		_, err := f.ReadAt(p, int64(i)*4096)
		require.NoError(t, err)
	}
	left := stop(t, d)
	require.True(t, left.Clean)
	require.NotZero(t, left.Tail)
	read := make(chan error)
	go func() {
		_, err := f.ReadAt(p, 0)
		read <- err
	}()
	time.Sleep(200 * time.Millisecond)
	resets := 0
	next := openGuest(t, u, store, Options{Left: left, Control: control(so, &resets)})
	require.NoError(t, <-read)
	require.Zero(t, resets)
	require.NotEqual(t, left.Tail, next.ring.tail.Load())
}

// A process that died leaves commands of which nobody knows whether they were answered. They end in BUSY, which the
// initiator does not even mention.
func TestGuestReset(t *testing.T) {
	so, u := create(t, "reset")
	store := &disk{memory: make(memory, guestSize)}
	d := openGuest(t, u, store, Options{Workers: 4})
	f := plug(t, so)
	p := aligned(t, 64<<10)
	gate := make(chan struct{})
	store.gate.Store(&gate)
	read := make(chan error)
	go func() {
		_, err := f.ReadAt(p, 0)
		read <- err
	}()
	require.Eventually(t, func() bool { s := d.Stats(); return s.Commands > s.Completions }, longest, time.Millisecond)

	// What death does: the ring is let go of with a command out.
	d.end(errors.New("died"))
	d.ring.mu.Lock()
	d.ring.stop(errors.New("died"))
	d.ring.mu.Unlock()
	store.gate.Store(nil)
	close(gate)
	<-d.Done()
	require.False(t, d.left.Clean)
	require.NotEqual(t, d.ring.done, d.ring.consumed)

	resets := 0
	openGuest(t, u, store, Options{Left: d.left, Control: control(so, &resets)})
	require.NoError(t, <-read)
	require.Equal(t, 1, resets)
	for i := range 50 {
		_, err := f.ReadAt(p, int64(i)*4096)
		require.NoError(t, err)
	}
	blocked, err := os.ReadFile(so.Path() + "/action/block_dev")
	require.NoError(t, err)
	require.Equal(t, "unblocked\n", string(blocked))
}

func TestGuestDeviceRemovedWhileOpen(t *testing.T) {
	so, u := create(t, "removed")
	d := openGuest(t, u, memory{}, Options{})
	require.NoError(t, so.Delete())
	select {
	case <-d.Done():
	case <-time.After(longest):
		t.Fatal("the device did not end")
	}
	require.ErrorIs(t, d.Err(), ErrRemoved)
	_, err := Open(context.Background(), u, memory{}, Options{})
	require.Error(t, err)
}

func TestGuestAbortedCommandIsAnnounced(t *testing.T) {
	so, u := create(t, "abort")
	require.NoError(t, so.SetAttribute("tmr_notification", "1"))
	store := &disk{memory: make(memory, guestSize)}
	heard := make(chan TMR, 16)
	gate := make(chan struct{})
	var release sync.Once
	d := openGuest(t, u, store, Options{Workers: 16, TMR: func(m TMR) {
		select {
		case heard <- m:
		default:
		}
		if m.Function == AbortTask {
			release.Do(func() { store.gate.Store(nil); close(gate) })
		}
	}})
	f := plug(t, so)
	require.NoError(t, os.WriteFile("/sys/block/"+f.Name()[len("/dev/"):]+"/device/timeout", []byte("3"), 0))
	store.gate.Store(&gate)
	_, err := f.ReadAt(aligned(t, 4096), 0)
	require.NoError(t, err, "the initiator tries again after the abort")
	m := <-heard
	require.Equal(t, AbortTask, m.Function)
	require.Len(t, m.IDs, 1)
	require.NotZero(t, d.Stats().TMRs)
}

func TestGuestEvents(t *testing.T) {
	root, err := lio.Open()
	require.NoError(t, err)
	l, err := Listen()
	require.NoError(t, err)
	defer l.Close()
	so, err := root.CreateUser(lio.User{Name: "events", Config: "tcmutest/a", Size: guestSize})
	require.NoError(t, err)
	deleteAfter(t, so)
	next := func(kind EventKind) Event {
		e, err := l.Next()
		require.NoError(t, err)
		require.Equal(t, kind, e.Kind, "%+v", e)
		require.Equal(t, "events", e.UIO.Name)
		require.Equal(t, so.HBA, e.UIO.HBA)
		return e
	}
	e := next(Added)
	require.Equal(t, "tcmutest/a", e.UIO.Config)
	openGuest(t, e.UIO, memory{}, Options{Left: Fresh, Control: control(so, new(int))})
	all, err := Scan()
	require.NoError(t, err)
	require.Contains(t, all, e.UIO)
	require.NoError(t, so.SetAttribute("dev_size", "33554432"))
	require.EqualValues(t, 33554432, next(SizeChanged).Size)
	require.NoError(t, so.SetAttribute("dev_config", "tcmutest/b"))
	require.Equal(t, "tcmutest/b", next(ConfigChanged).Config)
	require.NoError(t, so.SetAttribute("emulate_write_cache", "1"))
	require.True(t, next(WriteCacheChanged).WriteCache)
	require.NoError(t, so.Delete())
	require.Equal(t, e.ID, next(Removed).ID)
}

// BenchmarkGuestRead is a 4 KiB read of /dev/sdX with O_DIRECT, one at a time: the way down through the SCSI layer, the
// ring, and back.
func BenchmarkGuestRead(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			so, u := create(b, "bench-"+way.name)
			d := openGuest(b, u, &disk{memory: make(memory, guestSize)}, Options{Workers: way.opts.Workers})
			f := plug(b, so)
			p := aligned(b, 4096)
			b.ResetTimer()
			for i := range b.N {
				if _, err := f.ReadAt(p, int64(i%4096)*4096); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			s := d.Stats()
			b.ReportMetric(float64(s.Wakeups)/float64(s.Commands), "wakeups/cmd")
			b.ReportMetric(float64(s.Doorbells)/float64(s.Commands), "doorbells/cmd")
		})
	}
}
