package sbc_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// paced is a store that changes its content a piece at a time, each when it is let, and fails as it is told to.
type paced struct {
	*recorder
	begun chan struct{}
	pass  chan error
}

func newPaced(size int) *paced {
	return &paced{newRecorder(size), make(chan struct{}), make(chan error)}
}

func (p *paced) wait() error {
	p.begun <- struct{}{}
	return <-p.pass
}

// await returns when the next piece has begun: those before have been done. let lets it be done, or fail.
func (p *paced) await()        { <-p.begun }
func (p *paced) let(err error) { p.pass <- err }

// pieces lets n pieces be done, and may return while the last is.
func (p *paced) pieces(n int) {
	for range n {
		p.await()
		p.let(nil)
	}
}

// fail makes the next piece fail.
func (p *paced) fail(err error) {
	p.await()
	p.let(err)
}

func (p *paced) Writev(iov [][]byte, off int64, durable bool) error {
	if err := p.wait(); err != nil {
		return err
	}
	return p.recorder.Writev(iov, off, durable)
}

func (p *paced) Zero(off, n int64, durable bool) error {
	if err := p.wait(); err != nil {
		return err
	}
	return p.recorder.Zero(off, n, durable)
}

func (p *paced) Discard(off, n int64) error {
	if err := p.wait(); err != nil {
		return err
	}
	return p.recorder.Discard(off, n)
}

// filled is a store of 4 MiB that holds data: four pieces of a job that writes.
func filled() *paced {
	p := newPaced(4 << 20)
	copy(p.data, pattern(len(p.data), 7))
	return p
}

// records is a State without a file. What refuse says is not saved.
type records struct {
	kept   map[string][]byte
	refuse func(name string, record []byte) error
}

func (r *records) Load(name string) ([]byte, error) { return r.kept[name], nil }

func (r *records) Save(name string, record []byte) error {
	if r.refuse != nil {
		if err := r.refuse(name, record); err != nil {
			return err
		}
	}
	r.kept[name] = bytes.Clone(record)
	return nil
}

// reporter is a Config.Report that keeps the errors.
func reporter(errs *[]error) func(*scsi.Command, error) {
	return func(_ *scsi.Command, err error) { *errs = append(*errs, err) }
}

func withState(s spc.State) func(*sbc.Config) { return func(c *sbc.Config) { c.State = s } }

const startOverwrite = "48 81 0000000000 0006 00" // IMMED

var overwriteOnce = []byte{0x01, 0, 0, 2, 0xa5, 0x5a}

// While a medium is overwritten the unit says how far it has come, to all but those who ask what it is.
func TestJobIsNotReady(t *testing.T) {
	m := filled()
	d := newDisk(t, m)
	a, b := host(t, d), host(t, d)
	a.Send(startOverwrite, overwriteOnce).Good()
	b.Send(ready).Sense("02 04 1b 80 0000")
	m.pieces(2)
	m.await()
	for _, cdb := range []string{ready, "28 00 00000000 00 0001 00", "1b 00 0000 00 00", "48 1f 0000000000 0000 00",
		"1a 08 3f 00 ff 00", "25 00 00000000 0000 00 00", "04 00 0000 00 00"} {
		require.Equal(t, scsi.SanitizeInProgress.Code, b.Send(cdb).Code, cdb)
	}
	b.Fetch("12 00 00 0005 00", 5).Good("00 00 06 12 45")
	b.Fetch("a0 00 00 000000 00000004 00 00", 4).Good("00000008")
	b.Send(ready).Sense("02 04 1b 80 8000")
	b.Fetch("03 00 0000 12 00", 18).Good("70 00 02 00*4 0a 00*4 04 1b 00 80 8000")
	b.Fetch("03 01 0000 ff 00", 255).Good("72 02 04 1b 00 00 00 08 02 06 0000 80 8000 00")
	require.ErrorContains(t, d.Resize(1<<20), "being formatted or sanitized")
	m.let(nil)
	m.pieces(1)
	require.Eventually(t, func() bool { return b.Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Equal(t, bytes.Repeat([]byte{0xa5, 0x5a}, 2<<20), m.data)
	require.Contains(t, m.took(), "flush")
	a.Fetch("03 00 0000 12 00", 18).Good("70 00*6 0a 00*10")
}

// Without IMMED the status comes when all is done, and others hear meanwhile why they have to wait.
func TestJobInTheForeground(t *testing.T) {
	m := filled()
	d := newDisk(t, m)
	a, b := host(t, d), host(t, d)
	answered := make(chan scsi.Result)
	go func() { answered <- a.Send("48 01 0000000000 0006 00", overwriteOnce).Result }()
	m.pieces(1)
	m.await()
	b.Send(ready).Sense("02 04 1b 80 4000")
	m.let(nil)
	m.pieces(2)
	require.Equal(t, scsi.Result{}, <-answered)
	b.Send(ready).Good()
}

// A disk that is suspended leaves its work to the next, which goes on where it was left.
func TestJobGoesOnAfterSuspend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	m := filled()
	d := newDisk(t, m, keeping(path))
	h := host(t, d)
	answered := make(chan scsi.Result)
	go func() { answered <- h.Send("48 01 0000000000 0006 00", overwriteOnce).Result }()
	m.pieces(1)
	m.await()
	go func() {
		for !d.Suspended() {
			time.Sleep(time.Millisecond)
		}
		m.let(nil)
	}()
	d.Suspend()
	require.Equal(t, scsi.SanitizeInProgress.WithProgress(0x8000), <-answered)
	d.Suspend() // does nothing
	h.Send(ready).Sense("02 04 1b 80 8000")

	m.took()
	next := newDisk(t, m, keeping(path))
	h = host(t, next)
	require.NoError(t, next.Restore())
	h.Send(ready).Sense("02 04 1b 80 8000")
	m.pieces(2)
	require.Eventually(t, func() bool { return h.Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Equal(t, bytes.Repeat([]byte{0xa5, 0x5a}, 2<<20), m.data)
	require.Equal(t, []string{"write 2097152+1048576", "write 3145728+1048576", "flush"}, m.took())
	require.NoFileExists(t, path)

	d = newDisk(t, m, keeping(path))
	d.Suspend()
	require.Equal(t, scsi.Busy, host(t, d).Send(startOverwrite, overwriteOnce).Status)
}

// After a crash the work goes on from the place that was saved last; a medium of another size is worked on from its begin.
func TestJobGoesOnAfterCrash(t *testing.T) {
	s := &records{kept: map[string][]byte{}}
	m := filled()
	d := newDisk(t, m, withState(s))
	host(t, d).Send(startOverwrite, overwriteOnce).Good()
	m.pieces(1)
	m.await()
	require.NoError(t, d.Saved())
	crashed := bytes.Clone(s.kept["format or sanitize"])
	m.let(nil)
	m.pieces(2)
	require.Eventually(t, func() bool { return host(t, d).Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Empty(t, s.kept["format or sanitize"])

	m = filled()
	d = newDisk(t, m, withState(&records{kept: map[string][]byte{"format or sanitize": crashed}}))
	require.NoError(t, d.Restore())
	host(t, d).Send(ready).Sense("02 04 1b 80 4000")
	m.pieces(3)
	require.Eventually(t, func() bool { return host(t, d).Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"write 1048576+1048576", "write 2097152+1048576", "write 3145728+1048576", "flush"}, m.took())

	m = newPaced(2 << 20)
	d = newDisk(t, m, withState(&records{kept: map[string][]byte{"format or sanitize": crashed}}))
	require.NoError(t, d.Restore())
	host(t, d).Send(ready).Sense("02 04 1b 80 0000")
	m.pieces(2)
	require.Eventually(t, func() bool { return host(t, d).Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Equal(t, bytes.Repeat([]byte{0xa5, 0x5a}, 1<<20), m.data)
}

// What the State holds is distrusted: a record that makes no sense is none.
func TestJobThatMakesNoSense(t *testing.T) {
	const good = `{"sanitize":true,"method":"overwrite","pattern":"pQ==","passes":1,"size":1048576,"done":0}`
	for _, test := range []struct{ old, bad, say string }{
		{`{`, `[`, "invalid character"},
		{`"overwrite"`, `"burn"`, `method "burn"`},
		{`"pQ=="`, `""`, "a pattern of 0 bytes"},
		{`"pQ=="`, `"x"`, "illegal base64"},
		{`"pQ=="`, `"` + strings.Repeat("AAAA", 171) + `"`, "a pattern of 513 bytes"},
		{`"passes":1`, `"passes":0`, "0 passes"},
		{`"passes":1`, `"passes":32`, "32 passes"},
		{`"done":0`, `"done":-512`, "-512 bytes done"},
		{`"done":0`, `"done":511`, "511 bytes done"},
		{`"done":0`, `"done":1049088`, "1049088 bytes done in 1 passes over 1048576"},
	} {
		record := strings.Replace(good, test.old, test.bad, 1)
		d := newDisk(t, newRecorder(1<<20), withState(&records{kept: map[string][]byte{"format or sanitize": []byte(record)}}))
		require.ErrorContains(t, d.Restore(), test.say)
		h := host(t, d)
		h.Send(ready).Good()
		h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 00")
	}
}

// A job that cannot be remembered is not begun; one that cannot be forgotten has not ended, for it would be done again.
func TestJobThatCannotBeSaved(t *testing.T) {
	full := errors.New("no space left")
	for cdb, failed := range map[string]string{
		"04 00 0000 00 00": "03 31 01", "48 02 0000000000 0000 00": "03 31 03", "48 03 0000000000 0000 00": "03 31 03",
		"48 01 0000000000 0006 00": "03 31 03",
	} {
		m := newRecorder(1 << 20)
		s := &records{kept: map[string][]byte{}}
		h := newHost(t, m, withState(s))
		s.refuse = func(string, []byte) error { return full }
		h.Send(cdb, overwriteOnce).Sense("04 44 00")
		require.Empty(t, m.took())
		h.Send(ready).Good()

		s.refuse = func(_ string, record []byte) error {
			if len(record) == 0 {
				return full
			}
			return nil
		}
		h.Send(cdb, overwriteOnce).Sense(failed)
		require.Contains(t, string(s.kept["format or sanitize"]), `"failed":true`)
		require.Equal(t, scsi.MediumError, h.Send(ready).Key)
	}
}
