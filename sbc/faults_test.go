package sbc_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// faults is an error of each cause, and what it is called in testdata/faults.txt.
var faults = []struct {
	name string
	err  error
}{
	{"bad medium", syscall.EIO}, {"away", syscall.ENOLINK}, {"no space", syscall.ENOSPC},
	{"read-only", syscall.EROFS}, {"no memory", syscall.ENOMEM}, {"broken", syscall.EREMOTEIO},
}

// TestFaults lets each operation of the store fail by each cause under each command: how that ends is in testdata/faults.txt, a
// line for a command and an operation that it asks for. (TestStoreErrors says by hand what it should be, and of commands in
// other forms; and that when the store is well again, so is the command.)
func TestFaults(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "command\toperation")
	for _, f := range faults {
		fmt.Fprint(w, "\t", f.name)
	}
	fmt.Fprintln(w)
	for i, r := range rows {
		for _, op := range []backend.Op{backend.OpRead, backend.OpWrite, backend.OpZero, backend.OpDiscard, backend.OpFlush} {
			line, asked := "", false
			for _, f := range faults {
				a, hit := sendWithFault(t, i, op, f.err)
				line += "\t" + inColumn(a)
				asked = asked || hit
			}
			if asked {
				fmt.Fprintln(w, r.name+"\t"+op.String()+line)
			}
		}
	}
	require.NoError(t, w.Flush())
	golden := filepath.Join("testdata", "faults.txt")
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile(golden, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), `"make docs" writes it anew`)
}

// sendWithFault sends the command of rows[i] to a disk of its own whose store fails one operation. hit says whether the command
// asked for it: only then may it fail.
func sendWithFault(t *testing.T, i int, op backend.Op, err error) (a *scsitest.Answer, hit bool) {
	t.Helper()
	var armed, failed atomic.Bool
	store := backend.Intercept(volatile(), func(o backend.Op, _, _ int64) error {
		if o == op && armed.Load() {
			failed.Store(true)
			return err
		}
		return nil
	})
	d := rowDisk(t, store, rows[i].name)
	h := host(t, d)
	prepare(h, i)
	armed.Store(true)
	a = send(h, i)
	armed.Store(false)
	require.Equal(t, failed.Load(), a.Result.Status != scsi.Good, "%s: %v", rows[i].name, a.Result)
	awaitEnd(d)
	return a, failed.Load()
}

// inColumn is a result in a column.
func inColumn(a *scsitest.Answer) string {
	if a.Result.Status != scsi.CheckCondition {
		return a.Result.Status.String()
	}
	return fmt.Sprintf("%v %02X/%02X", a.Result.Key, uint16(a.Result.Code)>>8, uint16(a.Result.Code)&0xff)
}
