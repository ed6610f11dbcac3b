//go:build guest

package guest

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fio is a run of fio in the background.
type fio struct {
	t       *testing.T
	process *exec.Cmd
	ended   chan struct{} // closed once the following are complete
	out     bytes.Buffer
	errors  bytes.Buffer
	err     error
}

// startFio has fio write the disks at random, in blocks of 4 KiB to 1 MiB and
// 32 deep, and read back and check each block soon after it was written, for
// as long as runtime says. The last few blocks are left unchecked.
func startFio(t *testing.T, runtime time.Duration, disks ...disk) *fio {
	t.Helper()
	args := []string{
		"--output-format=json", "--direct=1", "--ioengine=libaio", "--iodepth=32",
		"--rw=randwrite", "--bsrange=4k-1M", "--serialize_overlap=1",
		"--time_based", "--runtime=" + strconv.Itoa(int(runtime.Seconds())),
		"--verify=crc32c", "--verify_fatal=1", "--verify_backlog=32", "--do_verify=1",
	}
	for i, d := range disks {
		args = append(args, "--name="+d.object.Name, "--filename="+d.node, "--randseed="+strconv.Itoa(i+1))
	}
	f := &fio{t: t, process: exec.Command("fio", args...), ended: make(chan struct{})}
	f.process.Stdout, f.process.Stderr = &f.out, &f.errors
	require.NoError(t, f.process.Start())
	go func() {
		f.err = f.process.Wait()
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
	Read  volume `json:"read"` // to check
	Write volume `json:"write"`
}

type volume struct {
	Bytes   int64 `json:"io_bytes"`
	Short   int64 `json:"short_ios"`
	Dropped int64 `json:"drop_ios"`
}

// requireClean waits for fio to end, and requires that it met no error and did
// check what it had written.
func (f *fio) requireClean(runtime time.Duration) []job {
	f.t.Helper()
	select {
	case <-f.ended:
		require.NoError(f.t, f.err, f.errors.String())
	case <-time.After(runtime + 2*patience):
		require.FailNow(f.t, "fio does not end")
	}
	var report struct {
		Jobs []job `json:"jobs"`
	}
	text := f.out.String()
	require.NoError(f.t, json.Unmarshal([]byte(text), &report), text)
	for _, j := range report.Jobs {
		require.Zero(f.t, j.Error, text)
		require.Zero(f.t, j.Read.Short+j.Read.Dropped+j.Write.Short+j.Write.Dropped, text)
		require.Positive(f.t, j.Write.Bytes)
		require.Greater(f.t, j.Read.Bytes, j.Write.Bytes/2, "%s: much of what was written was not checked", j.Name)
		f.t.Logf("%s: %d MiB written, %d MiB checked", j.Name, j.Write.Bytes/mib, j.Read.Bytes/mib)
	}
	return report.Jobs
}

// Both stores at once, 32 deep, in blocks of all sizes, for half a minute: not
// a byte is wrong.
func TestDataIsRightUnderRandomLoad(t *testing.T) {
	startDaemon(t)
	log := kernelLog(t)
	const runtime = 30 * time.Second
	ramdisk, file := newRamdisk(t, "64M"), newFile(t, "64M")
	jobs := startFio(t, runtime, ramdisk, file).requireClean(runtime)
	require.Len(t, jobs, 2)
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
