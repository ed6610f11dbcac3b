//go:build guest

package guest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStoreThatHangs freezes the file system that a file is on. With store_timeout its commands end, and so does all that waits
// for them in the kernel; when it answers again the disk does, with what was written last.
func TestStoreThatHangs(t *testing.T) {
	startDaemon(t)
	for _, tt := range []struct{ name, option string }{{"page cache", "direct=0"}, {"direct", "direct=1"}} {
		t.Run(tt.name, func(t *testing.T) {
			d := newFileNamed(t, "disk0", "16M", tt.option)
			must(t, "tcmuctl", d.object.Path, "set", "attribute", "store_timeout=2", "fail_fast=1")
			run(t, "sg_turs", d.generic) // hears of the change
			before, after := randomFile(t, 64<<10), randomFile(t, 64<<10)
			write := func(file string) outcome {
				return run(t, "sg_raw", "--send", "65536", "--infile", file, d.generic, "2a", "08", "0", "0", "0", "0", "0", "0", "80", "0") // FUA
			}
			require.Zero(t, write(before).status)
			log := kernelLog(t)
			must(t, "fsfreeze", "--freeze", scratch)
			t.Cleanup(func() { exec.Command("fsfreeze", "--unfreeze", scratch).Run() })

			o := write(before) // which hangs
			require.Contains(t, o.stdout+o.stderr, "Not Ready")
			require.Contains(t, o.stdout+o.stderr, "manual intervention required")
			began := time.Now()
			require.NotZero(t, run(t, "sg_turs", d.generic).status)
			require.NotZero(t, write(after).status)
			require.Less(t, time.Since(began), 2*time.Second, "at once")
			require.Contains(t, must(t, "sg_inq", d.generic), "disk0", "what needs no store goes on")

			must(t, "fsfreeze", "--unfreeze", scratch)
			eventually(t, "the disk is ready", func() bool { return run(t, "sg_turs", d.generic).status == 0 })
			require.Zero(t, write(after).status)
			want, err := os.ReadFile(after)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, d.content(t, 64<<10, 0)))
			requireQuiet(t, log())
			requireNobodyHangs(t)
		})
	}
}
