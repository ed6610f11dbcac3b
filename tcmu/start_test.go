package tcmu

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// crash makes a ring as a process leaves it that dies: three commands taken, the last one answered, over the entry of the
// first.
func crash(t *testing.T, k *tcmutest.Kernel) (all [3]*tcmutest.Command) {
	mem, fd, err := k.Open()
	require.NoError(t, err)
	gate := make(chan struct{})
	d, err := Attach(Port{Name: "dies", Memory: mem, FD: fd}, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if c.CDB[1] < 2 {
			<-gate
		}
		return scsi.Result{}
	}), Options{Workers: 3})
	require.NoError(t, err)
	for i := range all {
		all[i] = &tcmutest.Command{CDB: []byte{0, byte(i), 0, 0, 0, 0}}
		k.Submit(all[i])
	}
	k.Wait(all[2])
	d.ring.mu.Lock()
	err = d.ring.stop(errors.New("died"))
	d.ring.mu.Unlock()
	d.end(err)
	close(gate)
	<-d.Done()
	require.Equal(t, Mark{}, stop(t, d))
	return all
}

func kernelControl(k *tcmutest.Kernel) *Control {
	return &Control{BlockDev: k.BlockDev, ResetRing: k.ResetRing, FreeKeptBuffer: k.FreeKeptBuffer}
}

func TestResetAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name string
		left func(k *tcmutest.Kernel) Mark
	}{
		{"as Stop said", func(*tcmutest.Kernel) Mark { return Mark{} }},
		{"the mark is older than the ring", func(k *tcmutest.Kernel) Mark { return Mark{Clean: true, Tail: 4096} }},
		{"the mark is not clean", func(k *tcmutest.Kernel) Mark { _, tail := k.Cursors(); return Mark{Tail: tail} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			all := crash(t, k)
			attach(t, k, good, Options{Left: c.left(k), Control: kernelControl(k)})
			for _, c := range all[:2] {
				k.Wait(c)
				require.Equal(t, scsi.Busy, scsi.Status(c.Status), "so that the initiator tries again")
				k.Do(c)
				require.Equal(t, scsi.Good, scsi.Status(c.Status))
			}
			require.False(t, k.Blocked())
		})
	}
}

func TestRingLeftByACrashIsRefusedWithoutControl(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	crash(t, k)
	mem, fd, err := k.Open()
	require.NoError(t, err)
	_, err = Attach(Port{Name: "user_0/vol", Memory: mem, FD: fd}, good, Options{})
	require.ErrorContains(t, err, "user_0/vol: the ring holds commands that another process may have answered in part: reset it")
	_, _, err = k.Open()
	require.NoError(t, err, "Attach has closed what it could not use")
}

// A process that died in the middle of a reset has left the device blocked, and no mark.
func TestBlockedDeviceIsUnblocked(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	require.NoError(t, k.BlockDev(true))
	attach(t, k, good, Options{Control: kernelControl(k)})
	require.False(t, k.Blocked())
}

// The kernel announces a device before it is enabled, and refuses all actions until then.
func TestFreshDeviceIsNotReset(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	c := &tcmutest.Command{CDB: make([]byte, 6)}
	k.Submit(c) // may already be there
	no := errors.New("no action on a device that is not enabled")
	attach(t, k, good, Options{Left: Fresh, Control: &Control{
		BlockDev:  func(bool) error { return no },
		ResetRing: func() error { return no },
	}})
	k.Wait(c)
	require.Equal(t, scsi.Good, scsi.Status(c.Status))
}

func TestResetThatFails(t *testing.T) {
	no := errors.New("no")
	for _, c := range []struct {
		name  string
		spoil func(k *tcmutest.Kernel, c *Control)
		want  string
	}{
		{"block_dev", func(_ *tcmutest.Kernel, c *Control) { c.BlockDev = func(bool) error { return no } }, "before a reset of the ring: no"},
		{"reset_ring", func(_ *tcmutest.Kernel, c *Control) { c.ResetRing = func() error { return no } }, "reset of the ring: no"},
		{"nothing was reset", func(_ *tcmutest.Kernel, c *Control) { c.ResetRing = func() error { return nil } }, "after a reset, which should make it 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			crash(t, k)
			control := kernelControl(k)
			c.spoil(k, control)
			mem, fd, err := k.Open()
			require.NoError(t, err)
			_, err = Attach(Port{Memory: mem, FD: fd}, good, Options{Control: control})
			require.ErrorContains(t, err, c.want)
			require.False(t, k.Blocked(), "it is never left blocked")
		})
	}
}

func TestAttachRefusesWhatIsNoRing(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	mem[0] = 9
	_, err = Attach(Port{Name: "x", Memory: mem, FD: fd}, good, Options{})
	require.ErrorContains(t, err, "x: mailbox version")
}
