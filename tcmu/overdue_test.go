package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// A command that its handler does not let go of is known by its CDB, and by where in the handler it is; those that come and
// go beside it are not.
func TestOverdue(t *testing.T) {
	for _, way := range []struct {
		name string
		opts Options
	}{
		{"inline", Options{}},
		{"workers", Options{Workers: 4}},
		{"workers, who need not wait runs at once", Options{Workers: 4, AtOnce: true}},
	} {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			stuck, gate := make(chan struct{}, 1), make(chan struct{})
			d := attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
				switch {
				case c.CDB[0] != 0x35:
				case c.AtOnce:
					return scsi.Later
				default:
					stuck <- struct{}{}
					<-gate
				}
				return scsi.Result{}
			}), way.opts)
			require.Empty(t, d.Overdue(0))
			require.Empty(t, d.Overdue(0))
			require.Empty(t, d.Stacks())

			hangs := &tcmutest.Command{CDB: []byte{0x35, 0, 0, 0, 0, 7, 0, 0, 0, 0}}
			k.Submit(hangs)
			<-stuck
			require.Empty(t, d.Overdue(0), "it is seen for the first time")
			for range 3 {
				if way.opts.Workers > 0 {
					k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
				}
				all := d.Overdue(0)
				require.Len(t, all, 1)
				require.Equal(t, hangs.CDB, all[0].CDB)
				require.Equal(t, hangs.ID, all[0].ID)
				require.Positive(t, all[0].For)
			}
			require.Empty(t, d.Overdue(1<<62), "it is not that old")
			stack := d.Stacks()
			require.Contains(t, stack, "tcmu.TestOverdue")
			require.NotContains(t, stack, "testing.tRunner", "that of another goroutine")

			close(gate)
			k.Wait(hangs)
			require.Empty(t, d.Overdue(0))
			require.Empty(t, d.ring.awaited)
		})
	}
}

// What another command with the same id does is not taken for what the first did.
func TestOverdueKnowsCommandsWithTheSameIDApart(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	stuck, gate := make(chan struct{}, 1), make(chan struct{})
	d := attach(t, k, scsi.HandlerFunc(func(*scsi.Command) scsi.Result {
		stuck <- struct{}{}
		<-gate
		return scsi.Result{}
	}), Options{Workers: 1})
	c := &tcmutest.Command{CDB: make([]byte, 6)}
	var ids []uint16
	for range 4 {
		k.Submit(c)
		<-stuck
		ids = append(ids, c.ID)
		require.Empty(t, d.Overdue(0))
		gate <- struct{}{}
		k.Wait(c)
	}
	require.Equal(t, []uint16{ids[0], ids[0], ids[0], ids[0]}, ids)
}
