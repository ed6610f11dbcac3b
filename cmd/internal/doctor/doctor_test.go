package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// patient is a healthy host, until a test makes it ill.
type patient struct {
	Host
	t      *testing.T
	kernel *liotest.Kernel
	muted  int
}

func newPatient(t *testing.T) *patient {
	root, k := liotest.Open(t)
	p := &patient{t: t, kernel: k}
	p.Host = Host{
		Root:     root,
		Daemon:   control.Client{Path: filepath.Join(t.TempDir(), "socket")},
		Patience: time.Millisecond,
		Loadable: func(string) error { return nil },
		Prepare:  func() error { return errors.New("nothing to prepare") },
		Mute:     func() error { p.muted++; return nil },
	}
	require.NoError(t, os.MkdirAll(k.Path("etc/target/pr"), 0o700))
	p.write("dev/kmsg", "6,1,1000000,-;Linux version 6.1\n SUBSYSTEM=none\n")
	p.process("1", "init", 0)
	return p
}

func (p *patient) write(path, text string) {
	p.t.Helper()
	file := p.kernel.Path(path)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(p.t, os.WriteFile(file, []byte(text), 0o600))
}

// process makes one run since start ticks after boot.
func (p *patient) process(pid, name string, start int) {
	p.write("proc/"+pid+"/stat", fmt.Sprintf("%s (%s) S%s %d 0 0\n", pid, name, strings.Repeat(" 0", 18), start))
}

// serve runs a daemon that knows the devices given.
func (p *patient) serve(all ...control.Device) {
	l, err := net.Listen("unix", p.Daemon.Path)
	require.NoError(p.t, err)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control.Handler(source(all)).ServeHTTP(w, r)
	})}
	go s.Serve(l)
	p.t.Cleanup(func() { s.Close() })
}

func (p *patient) device(name string) lio.StorageObject {
	p.t.Helper()
	so, err := p.Root.CreateUser(lio.User{Name: name, Config: "tcmud/ramdisk", Size: 1 << 20})
	require.NoError(p.t, err)
	return so
}

func served(t *testing.T, so lio.StorageObject, state control.State, why string) control.Device {
	born, err := so.Incarnation()
	require.NoError(t, err)
	return control.Device{HBA: so.HBA, Name: so.Name, State: state, Error: why, Incarnation: born}
}

// complaints are what is wrong, each as "check: text".
func (p *patient) complaints() []string {
	var all []string
	for _, f := range p.Examine(p.t.Context()) {
		if f.State == Problem {
			require.NotEmpty(p.t, f.Remedy, "%s: %s", f.Check, f.Text)
			all = append(all, f.Check+": "+f.Text)
		}
	}
	return all
}

// mend mends what there is, and checks that nothing is wrong then.
func (p *patient) mend() {
	p.t.Helper()
	Mend(p.Examine(p.t.Context()))
	require.Empty(p.t, p.complaints())
}

func TestHealthy(t *testing.T) {
	p := newPatient(t)
	so := p.device("rd0")
	p.serve(served(t, so, control.Serving, ""))
	require.Empty(t, p.complaints())
	var names []string
	for _, f := range p.Examine(t.Context()) {
		require.Equal(t, Fine, f.State)
		require.NotEmpty(t, f.Text)
		names = append(names, f.Check)
	}
	require.Equal(t, []string{
		"rights", "configfs", "modules", "reservations", "daemon", "other daemons", "netlink", "rings", "devices", "identities", "leftovers",
	}, names)
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name string
		harm func(p *patient)
		want string
	}{
		{"not root", func(p *patient) { p.UID = 1000 }, "rights: user 1000 may look"},
		{"no module in the kernel", func(p *patient) {
			require.NoError(p.t, os.Remove(p.kernel.Path("sys/module/target_core_user")))
			p.Loadable = func(string) error { return errors.New("not found") }
		}, "modules: this kernel has no target_core_user"},
		{"no directory for reservations", func(p *patient) { require.NoError(p.t, os.Remove(p.kernel.Path("etc/target/pr"))) }, "reservations: "},
		{"a ring given up", func(p *patient) {
			p.process("77", "tcmud", 500)
			p.write("dev/kmsg", "3,2,6000000,-;cmd_id 2 not found, ring is broken\n")
		}, `rings: the kernel has given up a ring 6s after boot ("cmd_id 2 not found, ring is broken")`},
		{"questions stopped", func(p *patient) { p.write("sys/module/target_core_user/parameters/block_netlink", "blocked\n") },
			"netlink: a daemon that is gone has stopped the kernel's questions"},
		{"two of one serial", func(p *patient) {
			for _, name := range []string{"a", "b"} {
				_, err := p.Root.CreateUser(lio.User{Name: name, Config: "x/y", Size: 512, Identity: lio.Identity{Serial: "s1"}})
				require.NoError(p.t, err)
			}
		}, "identities: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPatient(t)
			p.serve()
			test.harm(p)
			found := p.complaints()
			require.NotEmpty(t, found)
			require.Contains(t, strings.Join(found, "\n"), test.want)
		})
	}
}

// A host on which nothing was made yet lacks what is loaded and mounted at need.
func TestFreshHost(t *testing.T) {
	for name, path := range map[string]string{
		"configfs": "sys/kernel/config", "target_core_mod": "sys/kernel/config/target", "target_core_user": "sys/module/target_core_user",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			p.serve()
			prepared := false
			p.Prepare = func() error { prepared = true; return nil }
			require.NoError(t, os.RemoveAll(p.kernel.Path(path)))
			require.Empty(t, p.complaints())
			Mend(p.Examine(t.Context()))
			require.True(t, prepared)
		})
	}
}

func TestNoDaemon(t *testing.T) {
	p := newPatient(t)
	p.device("rd0")
	require.Equal(t, []string{"daemon: tcmud does not run (nobody answers at " + p.Daemon.Path + ")"}, p.complaints())
}

func TestARingRepairedByARestartIsNoProblem(t *testing.T) {
	p := newPatient(t)
	p.serve()
	p.process("77", "tcmud", 700)
	p.write("dev/kmsg", "3,2,6000000,-;cmd_id 2 not found, ring is broken\n")
	require.Empty(t, p.complaints())
}

func TestDevicesThatDoNotWork(t *testing.T) {
	p := newPatient(t)
	failed, _, blocked, fine := p.device("failed"), p.device("unknown"), p.device("blocked"), p.device("fine")
	p.serve(served(t, failed, control.Failed, "its file is gone"), served(t, blocked, control.Serving, ""), served(t, fine, control.Serving, ""))
	require.NoError(t, blocked.BlockDev(true))
	require.Equal(t, []string{
		"devices: failed cannot be served: its file is gone",
		"devices: unknown is not served by tcmud",
		"devices: blocked is blocked: all commands end with BUSY",
	}, p.complaints())
	Mend(p.Examine(t.Context()))
	require.Len(t, p.complaints(), 2, "the flow of commands goes on")
}

// whereTheKernelAsks is the stack of a process that waits for a daemon's answer.
const whereTheKernelAsks = "[<0>] tcmu_netlink_event_send+0x17e/0x2d0 [target_core_user]\n[<0>] tcmu_configure_device+0x26e/0x390 [target_core_user]\n"

func (p *patient) parameters() {
	p.write("sys/module/target_core_user/parameters/block_netlink", "unblocked\n")
	p.write("sys/module/target_core_user/parameters/reset_netlink", "")
}

func TestTheOnlyDeviceIsNotServed(t *testing.T) {
	p := newPatient(t)
	p.device("rd0")
	p.serve()
	require.Equal(t, []string{"devices: rd0 is not served by tcmud"}, p.complaints())
}

// To look at the devices would hang as well: that has to wait until those who hang are released.
func TestAnAnswerThatNobodyGives(t *testing.T) {
	p := newPatient(t)
	p.serve()
	p.device("rd0")
	p.parameters()
	p.process("99", "targetcli) S (", 100)
	p.write("proc/99/task/99/stack", whereTheKernelAsks)
	require.Equal(t, []string{"netlink: process 99 (targetcli) S () waits for the answer of a daemon that is gone, and cannot be killed"}, p.complaints())

	p.Mute = func() error { return os.RemoveAll(p.kernel.Path("proc/99")) }
	found := p.Treat(t.Context())
	require.Equal(t, Mended, found[0].State)
	require.Equal(t, "devices", found[len(found)-3].Check, "now they are looked at")
}

func TestTcmuRunnerAnswers(t *testing.T) {
	p := newPatient(t)
	p.serve()
	p.process("5", "tcmu-runner", 50)
	p.process("99", "targetcli", 100)
	p.write("proc/99/task/99/stack", whereTheKernelAsks)
	require.Empty(t, p.complaints())
}

func TestADeviceThatNobodyWillAnswerFor(t *testing.T) {
	p := newPatient(t)
	p.parameters()
	so := p.device("rd0")
	p.serve(served(t, so, control.Serving, ""))
	require.NoError(t, so.SetAttribute("nl_reply_supported", "1"))
	found := p.complaints()
	require.Len(t, found, 1)
	require.Contains(t, found[0], "netlink: the kernel waits for a daemon's answer before it removes "+so.Path())
	p.mend()
	require.Equal(t, 1, p.muted)
	v, err := so.Attribute("nl_reply_supported")
	require.NoError(t, err)
	require.Equal(t, "-1", v)
}

func TestLeftovers(t *testing.T) {
	p := newPatient(t)
	so := p.device("rd0")
	p.serve(served(t, so, control.Serving, ""))
	core := p.kernel.Path("sys/kernel/config/target/core")
	for _, dir := range []string{"user_7", "user_8", "user_8/half"} {
		require.NoError(t, p.kernel.Mkdir(filepath.Join(core, dir)))
	}
	loopback, err := p.Root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	require.NoError(t, p.kernel.Mkdir(filepath.Join(tpg.Path(), "lun/lun_0")))
	require.Equal(t, []string{
		"leftovers: " + filepath.Join(core, "user_7") + " has no storage object",
		"leftovers: " + filepath.Join(core, "user_8/half") + " was never enabled",
		"leftovers: loopback/" + target.WWN + "/tpgt_1/lun/lun_0 is made of nothing",
	}, p.complaints())
	p.mend()
	require.True(t, so.Exists())
	require.True(t, target.Exists())
}

// TestNexuses: they have the serial number of their backstore, and a LUN each.
func TestNexuses(t *testing.T) {
	p := newPatient(t)
	so := p.device("rd0")
	loopback, err := p.Root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	n, err := tpg.CreateNexus(so, lio.AnyGroup)
	require.NoError(t, err)
	p.serve(served(t, so, control.Serving, ""), served(t, n.Device, control.Serving, ""))
	require.Equal(t, []string{
		"leftovers: " + n.Device.Path() + " is for the I_T nexus of " + n.Initiator + " and rd0, and no LUN is made of it",
	}, p.complaints())
	_, err = tpg.CreateLUN(n.Device, lio.AnyLUN)
	require.NoError(t, err)
	require.Empty(t, p.complaints())
}

func TestWhatIsBeingMadeIsNotLeftBehind(t *testing.T) {
	p := newPatient(t)
	p.Patience = 50 * time.Millisecond
	dir := p.kernel.Path("sys/kernel/config/target/core/user_7")
	require.NoError(t, p.kernel.Mkdir(dir))
	synctest.Test(t, func(t *testing.T) {
		go func() {
			time.Sleep(10 * time.Millisecond)
			assert.NoError(t, p.kernel.Mkdir(filepath.Join(dir, "new")))
			assert.NoError(t, p.kernel.Write(filepath.Join(dir, "new/enable"), "1"))
		}()
		for _, f := range p.Examine(t.Context()) {
			require.False(t, f.Check == "leftovers" && f.State == Problem, f.Text)
		}
	})
}

func TestContentsOfAGoneRamdisk(t *testing.T) {
	p := newPatient(t)
	p.write("dev/shm/tcmud/user_3.rd9.12345", "data")
	p.write("dev/shm/tcmud/somebody.elses", "data")
	found := p.complaints()
	require.Len(t, found, 2)
	require.Contains(t, found[1], "user_3.rd9.12345 holds a ramdisk whose device is gone")
	Mend(p.Examine(t.Context()))
	require.NoFileExists(t, p.kernel.Path("dev/shm/tcmud/user_3.rd9.12345"))
	require.FileExists(t, p.kernel.Path("dev/shm/tcmud/somebody.elses"))
}

func TestMendSaysWhatItCouldNot(t *testing.T) {
	p := newPatient(t)
	p.serve()
	require.NoError(t, p.kernel.Mkdir(p.kernel.Path("sys/kernel/config/target/core/user_7")))
	p.kernel.Fail = func(op, path string) error {
		if op == "rmdir" {
			return os.ErrPermission
		}
		return nil
	}
	found := p.Examine(t.Context())
	Mend(found)
	last := found[len(found)-1]
	require.Equal(t, Problem, last.State)
	require.Contains(t, last.Text, "user_7 has no storage object, and mending it failed: ")
	require.Contains(t, last.Text, "permission denied")
}

// source is a daemon's list of devices.
type source []control.Device

func (s source) Devices() []control.Device                  { return s }
func (s source) Version() string                            { return "test" }
func (s source) Started() time.Time                         { return time.Time{} }
func (s source) Ready() bool                                { return true }
func (s source) Replace(control.Program) error              { return errors.ErrUnsupported }
func (s source) LogLevel() *slog.LevelVar                   { return new(slog.LevelVar) }
func (s source) Engine(int, string) (control.Engine, error) { return nil, errors.ErrUnsupported }
func (s source) Wait(ctx context.Context, _ int, _ string) (control.Device, error) {
	return control.Device{}, ctx.Err()
}
