//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/vm"
)

// slowDisk is a disk that this process serves, of a memory that is reached as
// delay lets it.
type slowDisk struct {
	disk
	memory slice
	served *tcmu.Device
	delay  atomic.Pointer[func()] // before each write; it may be one that waits
	began  sync.Map               // offset of each write that has come to the store

	aborted, reset atomic.Int64 // commands that task management functions have named
}

// newSlowDisk serves it with as few workers, and has the kernel send task
// management functions. The sd driver gives up on a command after a few
// seconds, and never on the disk.
func newSlowDisk(t *testing.T, workers int) *slowDisk {
	t.Helper()
	before := footprint(t)
	t.Cleanup(func() { requireFootprint(t, before) })
	d := &slowDisk{memory: make(slice, 16*mib)}
	root, err := lio.Open()
	require.NoError(t, err)
	device, err := root.CreateUser(lio.User{Name: "slow", Config: "example/slow", Size: int64(len(d.memory)),
		Attributes: map[string]string{"tmr_notification": "1", "cmd_time_out": "0"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, device.Delete())
		if d.served != nil {
			<-d.served.Done()
			require.ErrorIs(t, d.served.Err(), tcmu.ErrRemoved)
		}
	})
	d.serve(t, device, workers)

	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Delete()) })
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	lun, err := tpg.CreateLUN(device, lio.AnyLUN)
	require.NoError(t, err)
	found, err := lun.WaitDisk(t.Context())
	require.NoError(t, err)
	must(t, "udevadm", "settle")
	d.disk = disk{object: view{Name: "slow"}, node: "/dev/" + found.Block, generic: "/dev/" + found.Generic}
	write(t, "/sys/block/"+found.Block+"/device/timeout", "3")
	write(t, "/sys/class/scsi_disk/"+found.Address+"/max_medium_access_timeouts", "1000")
	return d
}

func (d *slowDisk) serve(t *testing.T, device lio.StorageObject, workers int) {
	t.Helper()
	store := backend.Intercept(backend.Adapt(d.memory, int64(len(d.memory))), func(op backend.Op, off, _ int64) error {
		if op == backend.OpWrite {
			d.began.Store(off, true)
			if delay := d.delay.Load(); delay != nil {
				(*delay)()
			}
		}
		return nil
	})
	identity, err := device.Identity()
	require.NoError(t, err)
	unit, err := sbc.New(sbc.Config{Store: store, Identity: func() spc.Identity { return spc.Identity(identity) }})
	require.NoError(t, err)
	nexus := unit.Join("the loopback")
	uio, err := device.UIO()
	require.NoError(t, err)
	o := tcmu.Options{Workers: workers, Nexus: nexus, TMR: func(f tcmu.TMR) {
		if f.Function != tcmu.LogicalUnitReset {
			d.aborted.Add(int64(len(f.IDs)))
			return
		}
		d.reset.Add(int64(len(f.IDs)))
		unit.Reset(nexus)
	}}
	d.served, err = tcmu.Open(t.Context(), tcmu.UIO{Path: "/dev/" + uio, HBA: device.HBA, Name: device.Name}, scsi.Handler(unit), o)
	require.NoError(t, err)
}

// begun is how many writes have come to the store, each to a place of its own.
func (d *slowDisk) begun() (n int) {
	d.began.Range(func(any, any) bool { n++; return true })
	return n
}

// requireAllAnswered requires that no command is left with the device, and that
// the kernel has heard of none twice: it would say so, and hear of no other.
func (d *slowDisk) requireAllAnswered(t *testing.T, log string) {
	t.Helper()
	eventually(t, "all commands are answered", func() bool { s := d.served.Stats(); return s.Commands == s.Completions })
	require.NoError(t, d.served.Err())
	require.Zero(t, d.served.Stats().Panics)
	require.Empty(t, vm.Complaints(log))
	for _, words := range []string{"cmd_id", "ring is broken", "rejecting I/O", "offline"} {
		require.NotContains(t, log, words)
	}
	must(t, "dd", "if="+d.node, "of=/dev/null", "bs=1M", "iflag=direct")
}

// Writes whose initiator gives up on them while they wait for a worker, and two that are in the store: those that wait are
// withdrawn at once, and none of them is ever made; those in the store end well.
func TestWithdrawnWritesNeverLand(t *testing.T) {
	const writes, workers = 12, 2
	log := kernelLog(t)
	d := newSlowDisk(t, workers)
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release) // or nothing could be taken apart
	wait := func() { <-gate }
	d.delay.Store(&wait)
	stamp := filepath.Join(t.TempDir(), "stamp")
	require.NoError(t, os.WriteFile(stamp, bytes.Repeat([]byte{0x5a}, 512), 0o600))

	var patient, hasty sync.WaitGroup
	send := func(i, seconds int) outcome {
		return run(t, "sg_raw", "--timeout="+strconv.Itoa(seconds), "--send=512", "--infile="+stamp, d.generic,
			"2a", "00", "00", "00", "00", fmt.Sprintf("%02x", i*8), "00", "00", "01", "00")
	}
	for i := range workers {
		patient.Go(func() { assert.Zero(t, send(i, 60).status) })
	}
	eventually(t, "the store has them", func() bool { return d.begun() == workers })
	before := d.served.Stats()
	for i := workers; i < writes; i++ {
		hasty.Go(func() { assert.NotZero(t, send(i, 1).status, "the initiator is told that it was not done in time") })
	}
	hasty.Wait()
	after := d.served.Stats()
	require.EqualValues(t, writes-workers, after.Commands-before.Commands)
	require.EqualValues(t, writes-workers, after.Completions-before.Completions)
	require.EqualValues(t, writes-workers, after.TMRs-before.TMRs)
	release()
	patient.Wait()
	must(t, "dd", "if="+d.node, "of=/dev/null", "bs=1M", "iflag=direct") // whatever the workers still had

	require.Equal(t, workers, d.begun())
	for i := range writes {
		landed := bytes.Contains(d.memory[i*8*512:][:512], []byte{0x5a})
		require.Equal(t, i < workers, landed, "write %d", i)
	}
	d.requireAllAnswered(t, log())
}

// fio writes and checks what it has written, while the store delays each write, the disk is reset, and then the store hangs
// now and then for longer than the initiator waits. Not a byte is wrong, and nothing hangs: also where Linux' loopback
// tells the initiator GOOD of all that a reset has aborted.
func TestAbortsAndResetsUnderLoad(t *testing.T) {
	log := kernelLog(t)
	d := newSlowDisk(t, 4)
	var writes atomic.Int64
	slow := func() {
		writes.Add(1)
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
	}
	d.delay.Store(&slow)
	load := startCheck(t, d.disk)
	for range 12 {
		awaitProgress(t, []disk{d.disk}, 16)
		must(t, "sg_reset", "--device", "--no-escalate", d.generic)
	}
	hanging := func() {
		if slow(); writes.Load()%25 == 0 {
			time.Sleep(5 * time.Second)
		}
	}
	d.delay.Store(&hanging)
	eventually(t, "the initiator gives up on some", func() bool { return d.aborted.Load() >= 4 })
	d.delay.Store(&slow)
	awaitProgress(t, []disk{d.disk}, 128)
	load.requireClean()
	text := log()
	t.Logf("%d writes, %d commands aborted, %d under reset", writes.Load(), d.aborted.Load(), d.reset.Load())
	require.Positive(t, d.aborted.Load())
	require.Positive(t, d.reset.Load())
	d.requireAllAnswered(t, text)
}
