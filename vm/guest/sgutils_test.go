//go:build guest

package guest

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// update writes /results/sgutils.txt instead of comparing with what there was: "make golden" takes it to testdata.
var update = flag.Bool("update", false, "write the output of sg3_utils to /results instead of comparing with testdata")

//go:embed testdata/sgutils.txt
var sgutilsGolden string

// told are command lines whose output is the same each time, and golden.
var told = []string{
	// What scsi_mandat of the sg3_utils source package runs: the commands that SPC makes mandatory.
	"sg_inq $D", "sg_luns $D", "sg_turs $D", "sg_requests $D", "sg_vpd $D", "sg_vpd -i $D", "sg_senddiag -t $D",

	"sg_inq -d $D", "sg_vpd -a $D", "sg_modes -a $D", "sg_modes -aa $D",
	"sg_modes -aa --control=1 $D", "sg_modes -aa --control=2 $D", "sg_modes -aa --control=3 $D",
	"sg_logs $D", "sg_logs --list --list $D",
	"sg_opcodes $D", "sg_opcodes --rctd $D", "sg_opcodes --opcode=0x28 $D", "sg_opcodes --opcode=0x9e,0x10 $D",
	"sg_opcodes --opcode=0x88 --rctd $D", "sg_opcodes --opcode=0xc1 $D", "sg_opcodes --tmf $D",
	"sg_readcap $D", "sg_readcap --long $D", "sg_rtpg --decode $D", "sg_rtpg --extended --decode $D",
	"sg_senddiag --list $D", "sg_referrals $D", "sg_read_buffer --mode=desc $D",
}

// done are command lines that do something to the disk, and that end well or not; a line after another may depend on it.
var done = []string{
	"dd if=/dev/urandom of=/tmp/sg.block bs=512 count=1 status=none && cat /tmp/sg.block /tmp/sg.block > /tmp/sg.two",
	"sg_logs -a $D", "sg_logs -A $D", "sg_logs --page=0x2f --control=1 $D", "sg_logs --reset --select $D",
	"sg_start --stop $D && ! sg_turs $D && sg_start --start $D && sg_turs $D",
	"sg_sync $D", "sg_sync --16 --lba=8 --count=8 $D",

	"sg_write_same --10 --in=/tmp/sg.block --lba=0 --num=64 $D",
	"sg_verify --ebytchk=3 --ndo=512 --in=/tmp/sg.block --count=64 $D",
	"sg_verify --16 --ebytchk=1 --ndo=1024 --in=/tmp/sg.two --count=2 --lba=7 $D",
	"sg_verify --count=1000 $D", "! sg_verify --ndo=512 --0 --lba=1 --count=1 $D",
	"sg_compare_and_write --in=/tmp/sg.two --lba=5 --num=1 --xferlen=1024 $D",
	"! sg_compare_and_write --in=/tmp/sg.two --lba=1000 --num=1 --xferlen=1024 $D",
	"sg_get_lba_status --lba=0 $D", "sg_get_lba_status --16 --lba=4096 --maxlen=4096 $D", "sg_get_lba_status --32 --lba=0 $D",
	"sg_unmap --force --lba=0 --num=32 $D", "echo 0x20,8,0x28,8 > /tmp/sg.list && sg_unmap --force --in=/tmp/sg.list $D",
	`[ "$(sg_get_lba_status --lba=0 -bb $D)" = 1 ]`, // deallocated
	"sg_verify --ndo=512 --0 --lba=1 --count=1 $D",
	"sg_write_same --16 --unmap --num=8 --lba=64 $D", "sg_write_same --16 --ndob --num=128 --lba=64 $D",
	"sg_write_x --normal --in=/tmp/sg.two --lba=300 --num=2 $D",
	"sg_write_x --or --in=/tmp/sg.two --lba=302 --num=2 $D", "sg_write_x --atomic=0 --in=/tmp/sg.two --lba=304 --num=2 $D",
	"sg_verify --16 --ebytchk=3 --ndo=512 --in=/tmp/sg.block --lba=300 --count=6 $D",
	"sg_write_verify --in=/tmp/sg.two --lba=320 --num=2 $D", "sg_write_verify --16 --in=/tmp/sg.two --lba=320 --num=2 $D",
	"sg_seek --pre-fetch --lba=300 --num-blocks=8 $D", "sg_seek --pre-fetch --10 --lba=300 --num-blocks=8 $D",
	"sg_dd if=$D of=/tmp/sg.out bs=512 skip=300 count=2 && cmp /tmp/sg.two /tmp/sg.out",

	"sg_xcopy if=$D of=$D bs=512 skip=300 seek=2000 count=2",
	"sg_dd if=$D of=/tmp/sg.out bs=512 skip=2000 count=2 && cmp /tmp/sg.two /tmp/sg.out",
	"sg_copy_results --params $D",

	"sg_stream_ctl --get $D", "sg_stream_ctl --close --id=$(sg_stream_ctl --open --brief $D) $D",
	"sg_timestamp $D", "sg_timestamp --seconds=1234567890 $D && sg_timestamp --srep --origin $D | grep 12345678",
	"sg_ident $D", `printf "shelf 7" | sg_ident --set $D && [ "$(sg_ident --ascii $D)" = "shelf 7" ] && sg_ident --clear $D`,
	"sg_senddiag --test $D",
	"sg_write_buffer --mode=echo --length=512 --in=/tmp/sg.block $D && sg_raw --request=512 --outfile=/tmp/sg.out $D 3c 0a 00 00 00 00 00 02 00 00 && cmp /tmp/sg.out /tmp/sg.block",
	"sg_test_rwbuf --size=4096 --times=2 $D",

	"sg_format --format --quick --early $D", "sg_requests --progress --num=1 $D",
	"until sg_turs $D; do sleep 0.1; done",
	"sg_format --format --quick --wait $D",
	"sg_sanitize --overwrite --zero --quick --early $D", "until sg_turs $D; do sleep 0.1; done",
	"sg_sanitize --block --quick --wait $D", "sg_sanitize --crypto --quick --wait $D",
	"sg_verify --ndo=512 --0 --lba=300 --count=1 $D",
}

// The utilities that administrators have find nothing wrong with the disk, and read in it what they did before.
func TestSgUtils(t *testing.T) {
	startDaemon(t)
	must(t, "modprobe", "sg")
	d := newFile(t, "16M", "wwn=5d1ad1ee-0000-4000-8000-000000000001")
	require.NoError(t, os.Setenv("D", d.generic))
	var transcript bytes.Buffer
	for _, line := range told {
		fmt.Fprintf(&transcript, "$ %s\n%s\n", line, steady(d, utility(t, line)))
	}
	for _, line := range done {
		utility(t, line)
	}
	if *update {
		require.NoError(t, os.WriteFile("/results/sgutils.txt", transcript.Bytes(), 0o644))
		return
	}
	require.Equal(t, sgutilsGolden, transcript.String(), `"make golden", and look at what has changed`)
}

// utility runs a command line that has to end well, and to complain of nothing.
func utility(t *testing.T, line string) string {
	t.Helper()
	start := time.Now()
	o := run(t, "bash", "-c", line)
	if time.Since(start) > 3*time.Second {
		t.Log(time.Since(start), line)
	}
	assert.Zero(t, o.status, "%s\n%s%s", line, o.stdout, o.stderr)
	return o.stdout
}

var (
	lun = regexp.MustCompile(`\d+:0:1:0`)
	naa = regexp.MustCompile(`naa\.[0-9a-f]{16}`)
)

// steady takes out of an output what is another each time: the names of the disk and its target, and its place on the host.
func steady(d disk, text string) string {
	text = strings.ReplaceAll(text, d.generic, "/dev/sg")
	text = strings.ReplaceAll(text, filepath.Base(d.node), "sd")
	text = naa.ReplaceAllString(text, "naa.target")
	return strings.TrimSpace(lun.ReplaceAllString(text, "H:0:1:0"))
}
