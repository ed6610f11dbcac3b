package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

func TestWhoIsToBeReplacedSaysWhyNot(t *testing.T) {
	d := idle(t)
	v := put(t, d, "rd0")
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	self, err := os.Executable()
	require.NoError(t, err)

	require.ErrorContains(t, d.Replace(control.Program{Path: "tcmud"}), "give the whole path")
	require.ErrorContains(t, d.Replace(control.Program{Path: "/nowhere/tcmud"}), "/nowhere/tcmud cannot be run where tcmud does: no such file")
	require.ErrorContains(t, d.Replace(control.Program{Path: plain}), "permission denied")
	v.overdue.Store(2)
	require.EqualError(t, d.Replace(control.Program{Path: self}),
		"the store of user_7/rd0 does not answer 2 of its commands: see to it first (tcmud's log tells more)")
	require.Nil(t, d.Successor())

	v.overdue.Store(0)
	require.NoError(t, d.Replace(control.Program{Path: self, Arguments: []string{"--no-spin"}}))
	require.Equal(t, &control.Program{Path: self, Arguments: []string{"--no-spin"}}, d.Successor())
	require.EqualError(t, d.Replace(control.Program{Path: self}), "tcmud is ending already")
}

// systemd would end a service that says that it stops; one that reloads has to be ready again.
func TestTheServiceManagerHearsOfAReload(t *testing.T) {
	m, d := newManager(t, 0), idle(t)
	d.awaitFirst(t.Context())
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, d.Replace(control.Program{Path: self}))
	notifying(t, d)
	require.Equal(t, "RELOADING=1\nSTATUS=making room for another: serving 0 devices", m.hears())
}
