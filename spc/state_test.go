package spc_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// memory is a State that forgets with the process, and fails as it is told to.
type memory struct {
	records    map[string][]byte
	load, save error
}

func (m *memory) Load(name string) ([]byte, error) { return m.records[name], m.load }

func (m *memory) Save(name string, record []byte) error {
	if m.save == nil {
		m.records[name] = record
	}
	return m.save
}

func TestRestore(t *testing.T) {
	m := &memory{records: map[string][]byte{"a": {1}, "bad": {2}, "last": {3}}}
	d := spc.New(spc.Config{State: m})
	require.True(t, d.Keeps())
	got := map[string][]byte{}
	keep := func(name string) func([]byte) error {
		return func(record []byte) error { got[name] = record; return nil }
	}
	d.Remember("a", keep("a"))
	d.Remember("bad", func([]byte) error { return errors.New("makes no sense") })
	d.Remember("none", keep("none"))
	d.Remember("last", keep("last"))
	require.EqualError(t, d.Restore(), "bad: makes no sense")
	require.Equal(t, map[string][]byte{"a": {1}, "none": nil, "last": {3}}, got)

	m.load = errors.New("its checksum is wrong")
	require.ErrorContains(t, d.Restore(), "its checksum is wrong")
}

func TestSave(t *testing.T) {
	var reported error
	m := &memory{records: map[string][]byte{}}
	d := spc.New(spc.Config{State: m, Report: func(_ *scsi.Command, err error) { reported = err }})
	require.True(t, d.Save(nil, "a", []byte{1}).OK())
	require.Equal(t, []byte{1}, m.records["a"])
	require.NoError(t, reported)
	m.save = errors.New("no space left")
	require.Equal(t, scsi.InternalTargetFailure, d.Save(nil, "a", []byte{2}))
	require.EqualError(t, reported, "a not saved: no space left")

	none := spc.New(spc.Config{})
	require.False(t, none.Keeps())
	require.NoError(t, none.Restore())
	require.True(t, none.Save(nil, "a", []byte{1}).OK())
}
