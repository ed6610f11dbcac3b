//go:build guest

package guest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fio is a run of fio in the background, which goes on until it is told to end: how much it does meanwhile is the test's
// to say, and not a matter of how fast the machine is.
type fio struct {
	t       *testing.T
	process *exec.Cmd
	ended   chan struct{} // closed once the following are complete
	out     bytes.Buffer
	errors  bytes.Buffer
}

// startFio starts a run of fio.
func startFio(t *testing.T, args ...string) *fio {
	t.Helper()
	args = append([]string{"--output-format=json", "--direct=1", "--ioengine=libaio", "--time_based", "--runtime=1d"}, args...)
	f := &fio{t: t, process: exec.Command("fio", args...), ended: make(chan struct{})}
	f.process.Stdout, f.process.Stderr = &f.out, &f.errors
	require.NoError(t, f.process.Start())
	go func() {
		_ = f.process.Wait() // its exit status is looked at when it is to end
		close(f.ended)
	}()
	t.Cleanup(func() {
		_ = f.process.Process.Kill() // fails if it has ended, as it should have
		<-f.ended
	})
	return f
}

// job is what fio says of one disk.
type job struct {
	Name  string `json:"jobname"`
	Error int    `json:"error"`
	Read  volume `json:"read"`
	Write volume `json:"write"`
}

type volume struct {
	Commands uint64 `json:"total_ios"`
	Bytes    int64  `json:"io_bytes"`
	Short    int64  `json:"short_ios"`
	Dropped  int64  `json:"drop_ios"`
	Latency  struct {
		Max float64 `json:"max"`
	} `json:"clat_ns"`
}

// interrupted is fio's exit status when it was told to end and has met no error.
const interrupted = 128

// end tells fio to end, and requires that it met no error.
func (f *fio) end() []job {
	f.t.Helper()
	_ = f.process.Process.Signal(os.Interrupt) // fails if it has ended: the exit status says why
	select {
	case <-f.ended:
	case <-time.After(2 * patience):
		require.FailNow(f.t, "fio does not end")
	}
	text := f.out.String()
	require.Equal(f.t, interrupted, f.process.ProcessState.ExitCode(), text+f.errors.String())
	var report struct {
		Jobs []job `json:"jobs"`
	}
	_, text, _ = strings.Cut(text, "{") // it says first that it was told
	require.NoError(f.t, json.Unmarshal([]byte("{"+text), &report), text)
	require.NotEmpty(f.t, report.Jobs)
	for _, j := range report.Jobs {
		require.Zero(f.t, j.Error, text)
		require.Zero(f.t, j.Read.Short+j.Read.Dropped+j.Write.Short+j.Write.Dropped, text)
	}
	return report.Jobs
}

// check is a run of fio that checks what it writes.
type check struct{ *fio }

// startCheck has fio write the disks at random, in blocks of 4 KiB to 1 MiB and
// 32 deep, and read back and check each block soon after it was written. The
// last few blocks are left unchecked.
func startCheck(t *testing.T, disks ...disk) check {
	t.Helper()
	args := []string{
		"--iodepth=32", "--rw=randwrite", "--bsrange=4k-1M", "--serialize_overlap=1",
		"--verify=crc32c", "--verify_fatal=1", "--verify_backlog=32", "--do_verify=1",
	}
	for i, d := range disks {
		args = append(args, "--name="+d.object.Name, "--filename="+d.node, "--randseed="+strconv.Itoa(i+1))
	}
	return check{startFio(t, args...)}
}

// unchecked is what fio may leave: 32 blocks that it writes before it checks them, 32 that are on their way, of half a
// megabyte, and as much again, for they may be larger.
const unchecked = 64 * mib

// requireClean ends fio, and requires that it met no error and did check what
// it had written.
func (c check) requireClean() {
	c.t.Helper()
	for _, j := range c.end() {
		require.Positive(c.t, j.Read.Bytes)
		require.Less(c.t, j.Write.Bytes-j.Read.Bytes, int64(unchecked), "%s: much of what was written was not checked", j.Name)
		c.t.Logf("%s: %d MiB written, %d MiB checked", j.Name, j.Write.Bytes/mib, j.Read.Bytes/mib)
	}
}

// All stores at once, 32 deep, in blocks of all sizes, each block some four
// times over: not a byte is wrong.
func TestDataIsRightUnderRandomLoad(t *testing.T) {
	startDaemon(t)
	log := kernelLog(t)
	disks := []disk{newRamdisk(t, "64M"), newFile(t, "64M"), newDirectFile(t, "64M")}
	load := startCheck(t, disks...)
	awaitProgress(t, disks, 1000) // half of them writes, of half a megabyte
	load.requireClean()
	requireQuiet(t, log())
}

// fio does notice: else the tests above and below it say nothing.
func TestFioSeesABlockThatChangedUnderIt(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "4M")
	args := []string{"--name=seal", "--filename=" + d.node, "--direct=1", "--rw=write", "--bs=64k", "--verify=crc32c", "--verify_fatal=1"}
	must(t, "fio", args...)
	must(t, "fio", append(args, "--verify_only")...)
	must(t, "dd", "if=/dev/urandom", "of="+d.node, "bs=4k", "seek=300", "count=1", "oflag=direct")
	o := run(t, "fio", append(args, "--verify_only")...)
	require.NotZero(t, o.status)
	require.Contains(t, o.stderr, "verify")
}
