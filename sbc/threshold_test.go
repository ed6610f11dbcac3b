package sbc_test

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// provisioning is the Logical Block Provisioning mode page with what of its two thresholds can be changed: ENABLED, and
// THRESHOLD COUNT in sets of 1 MiB.
func provisioning(free bool, freeSets int, used bool, usedSets int) string {
	enabled := map[bool]int{true: 0x80}
	return fmt.Sprintf("dc 02 001c 00*12 %02x 01 0000 %08x %02x 02 0000 %08x", enabled[free], freeSets, enabled[used]|0x01, usedSets)
}

// TestProvisioningPages says which thresholds there are, and that they are reported.
func TestProvisioningPages(t *testing.T) {
	h := newHost(t, newSpacious(1<<20))
	h.Fetch("1a 08 1c 02 ff 00", 255).Good("23 00 10 00", provisioning(false, 0, false, 0))
	h.Fetch("1a 08 5c 02 ff 00", 255).Good("23 00 10 00 dc 02 001c 00*12 80 00 0000 ffffffff 80 00 0000 ffffffff")
	h.Fetch("1a 08 01 00 ff 00", 255).Good("0f 00 10 00 81 0a 00*5 80 00*4") // LBPERE
	h.Fetch("1a 08 41 00 ff 00", 255).Good("0f 00 10 00 81 0a 00*5 80 00*4")
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 0b e4 02 00")                                               // sets of 2048 blocks
	select6(h, header6, "5c 02 001c 01 00*11 00 01 0000 00000000 01 02 0000 00000000").Sense("05 26 00 80 00 08") // SITUA
	select6(h, header6, "5c 02 001c 00*12 80 02 0000 00000001 01 02 0000 00000000").Sense("05 26 00 80 00 15")    // another resource

	h = newHost(t, newSpacious(1<<20), blocksOf4096)
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 08 e4 02 00") // sets of 256 blocks
	h = newHost(t, newSpacious(1<<20), thick)
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 00 00 00 00")
	h.Fetch("1a 08 1c 02 ff 00", 255).Sense("05 24 00 cf 00 03")
	h.Fetch("1a 08 41 00 ff 00", 255).Good("0f 00 10 00 81 0a 00*10")
}

// watched is a disk whose initiators are told when space gets scarce.
type watched struct {
	store *spacious
	a, b  *scsitest.Host
}

func newWatched(t *testing.T) watched {
	s := newSpacious(16 << 20)
	s.free = 100 << 20
	d := newDisk(t, s)
	return watched{s, host(t, d), host(t, d)}
}

// write writes n MiB.
func (w watched) write(n int) *scsitest.Answer {
	p := make([]byte, 1<<20)
	for range n - 1 {
		w.a.Send("8a 00 00*8 00000800 00 00", p).Data()
	}
	return w.a.Send("8a 00 00*8 00000800 00 00", p)
}

// told requires that both nexuses are told once.
func (w watched) told() {
	for _, h := range []*scsitest.Host{w.a, w.b} {
		h.Send("00 00000000 00").Sense("06 38 07")
		h.Send("00 00000000 00").Good()
	}
}

func (w watched) quiet() {
	w.a.Send("00 00000000 00").Good()
	w.b.Send("00 00000000 00").Good()
}

// TestSoftThreshold: a threshold of what is left is reached once on the way down, and armed again half a set above it
// (SBC-3 4.7.3.7). Somebody looks after 8 MiB.
func TestSoftThreshold(t *testing.T) {
	w := newWatched(t)
	select6(w.a, header6, provisioning(true, 50, false, 0)).Good()
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.write(16).Good()
	w.quiet()
	w.store.free = 50 << 20
	w.write(7).Good()
	w.quiet()
	w.write(1).Good()
	w.told()
	w.store.free = 10 << 20
	w.write(8).Good()
	w.quiet() // once
	w.store.free = 50<<20 + 1<<19
	w.write(8).Good()
	w.store.free = 50 << 20
	w.write(8).Good()
	w.quiet() // not half a set above
	w.store.free = 50<<20 + 1<<19 + 1
	w.write(8).Good()
	w.quiet() // armed
	w.store.free = 50 << 20
	w.write(8).Good()
	w.told()
}

// TestSoftThresholdOfUse is reached on the way up.
func TestSoftThresholdOfUse(t *testing.T) {
	w := newWatched(t)
	select6(w.a, header6, provisioning(false, 0, true, 8)).Good()
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.store.used = 8<<20 - 1
	w.write(8).Good()
	w.quiet()
	w.store.used = 8 << 20
	w.write(8).Good()
	w.told()
	w.store.used = 7 << 20
	w.write(8).Good()
	w.store.used = 9 << 20
	w.write(8).Good()
	w.told()
}

// TestThresholdsAreOff where they are not enabled, or LBPERE says that nobody is to be told.
func TestThresholdsAreOff(t *testing.T) {
	w := newWatched(t)
	w.store.free = 0
	w.store.used = 1 << 30
	w.write(32).Good()
	w.quiet()
	select6(w.a, header6, "01 0a 00*10", provisioning(true, 50, true, 8)).Good()
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.write(32).Good()
	w.quiet()
	select6(w.a, header6, "01 0a 00*5 80 00*4").Good()
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.write(8).Good()
	w.told() // of both at once
	w.store.err = errors.New("nobody knows any more")
	w.write(8).Good()
	w.quiet()

	select6(w.a, header6, provisioning(true, 51, false, 8)).Good() // changed: armed
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.store.err = nil
	w.write(8).Good()
	w.told()
}

// TestWhatTakesSpaceLooksAtIt: also those that write it otherwise, or give it back.
func TestWhatTakesSpaceLooksAtIt(t *testing.T) {
	w := newWatched(t)
	select6(w.a, header6, provisioning(true, 50, false, 0)).Good()
	w.b.Send("00 00000000 00").Sense("06 2a 01")
	w.store.free = 0
	w.a.Send("93 01 00*8 00004000 00 00").Good() // WRITE SAME: 8 MiB
	w.told()
	w.store.free = 100 << 20
	for range 8 {
		unmap(w.a, unmapList(0, 1)).Good()
	}
	w.store.free = 0
	for range 8 {
		unmap(w.a, unmapList(0, 1)).Good()
	}
	w.told()

	w.store.free = 100 << 20
	w.write(8).Good()
	w.store.free = 0
	extendedCopy1(w.a, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 0x4000, 0, 0x4000)})).Good() // 8 MiB
	w.told()
}

// TestSpaceEnds: the write that finds none left fails, and the threshold that nobody had looked at is reached.
func TestSpaceEnds(t *testing.T) {
	s := newSpacious(16 << 20)
	full := &fullAt{spacious: s}
	d := newDisk(t, full)
	a, b := host(t, d), host(t, d)
	select6(a, header6, provisioning(true, 1, false, 0)).Good()
	b.Send("00 00000000 00").Sense("06 2a 01")
	full.full = true
	a.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 07")
	a.Send("00 00000000 00").Sense("06 38 07")
	b.Send("00 00000000 00").Sense("06 38 07")
	a.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 07")
	a.Send("00 00000000 00").Good()
}

// fullAt is a store whose space has come to its end.
type fullAt struct {
	*spacious
	full bool
}

func (f *fullAt) Writev(iov [][]byte, off int64, durable bool) error {
	if f.full {
		return syscall.ENOSPC
	}
	return f.spacious.Writev(iov, off, durable)
}

// TestThresholdsUnderConcurrency is for the race detector.
func TestThresholdsUnderConcurrency(t *testing.T) {
	s := newSpacious(16 << 20)
	s.free = 100 << 20
	d := newDisk(t, s)
	var wg sync.WaitGroup
	for i := range 4 {
		h := host(t, d)
		wg.Add(1)
		go func() {
			defer wg.Done()
			p := make([]byte, 1<<20)
			for n := range 40 {
				h.Send("8a 00 00*8 00000800 00 00", p)
				if n%10 == i {
					select6(h, header6, provisioning(true, 50+n+i, false, 0))
				}
				readLog(h, 0x0c)
				readLog(h, 0x19)
			}
		}()
	}
	wg.Wait()
	readLog(host(t, d), 0x0c).Good("8c 00 0018 0001 03 08 00000064 02 000000 0002 03 08 00000000 01 000000")
}

// TestStoresKnowTheirSpace: a file in a file system, and a ramdisk, count what they take.
func TestStoresKnowTheirSpace(t *testing.T) {
	for name, store := range speedStores(t) {
		if name == "null" {
			continue
		}
		h := newHost(t, store)
		p := readLog(h, 0x0c).Data()
		before := p[4+12+4 : 4+12+8]
		h.Send("8a 00 00*8 00001000 00 00", pattern(2<<20, 1)).Good()
		h.Send("35 00 00000000 00 0000 00").Good()
		after := readLog(h, 0x0c).Data()[4+12+4 : 4+12+8]
		require.Equal(t, before[3]+2, after[3], name)
	}
	readLog(newHost(t, backend.NewNull(1<<20)), 0x0c).Good("8c 00 0018 0001 03 08 ffffffff 02 000000 0002 03 08 00000000 01 000000")
}
