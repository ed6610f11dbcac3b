package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/doctor"
)

func TestDiagnosis(t *testing.T) {
	d := diagnosis{
		{Check: "rights", State: doctor.Fine, Text: "root"},
		{Check: "other daemons", State: doctor.Note, Text: "tcmu-runner runs"},
		{Check: "daemon", State: doctor.Problem, Text: "tcmud does not run", Remedy: "systemctl start tcmud"},
		{Check: "netlink", State: doctor.Mended, Text: "process 7 waits", Remedy: "write 1"},
	}
	require.Equal(t, `ok       rights         root
note     other daemons  tcmu-runner runs
problem  daemon         tcmud does not run
                        -> systemctl start tcmud
mended   netlink        process 7 waits`, d.String())
	require.EqualError(t, d.failure(), "1 problem: the arrow points to what to do about it")
	require.ErrorContains(t, append(d, d[2]).failure(), "2 problems")
	require.NoError(t, d[:2].failure())
}

// The host has no daemon, and a storage object that somebody began to make.
func TestDoctor(t *testing.T) {
	h := newHost(t)
	half := h.kernel.Path("sys/kernel/config/target/core/user_5")
	require.NoError(t, h.kernel.Mkdir(half))
	s := h.session()
	s.host = h.kernel.Root()

	r, err := s.execute(t.Context(), []string{"doctor"})
	require.NoError(t, err)
	require.Contains(t, r.text, "tcmud does not run (nobody answers at "+h.socket+")")
	require.Contains(t, r.text, "-> rmdir "+half)
	require.DirExists(t, half)

	r, err = s.execute(t.Context(), []string{"doctor", "--fix"})
	require.NoError(t, err)
	require.Contains(t, r.text, "mended   leftovers      "+half+" has no storage object")
	require.NoDirExists(t, half)

	var out bytes.Buffer
	c := &console{out: &out, json: true}
	require.ErrorContains(t, c.print(r), "problem", "the daemon is still missing: so says the exit status")
	require.Contains(t, out.String(), `"check": "daemon"`)

	h.refuses([]string{"there is no parameter mend"}, "doctor", "--mend")
}
