//go:build guest

package guest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/vm/transcript"
)

// onTerminal starts a program on a terminal.
func onTerminal(t *testing.T, name string, args ...string) *transcript.Terminal {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "HOME="+t.TempDir())
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 100})
	require.NoError(t, err)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		tty.Close()
	})
	return transcript.NewTerminal(tty)
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A newcomer types what the introductions to LIO say.
func TestTranscriptsTyped(t *testing.T) {
	startDaemon(t)
	t.Cleanup(func() { os.Remove("/tmp/disk0.img") })
	tty := onTerminal(t, "tcmuctl")
	require.NoError(t, tty.Await(limited(t), "/> "))
	for _, line := range transcript.Setup {
		require.NoError(t, tty.Enter(limited(t), line, "/> "))
	}
	names := transcript.Names{}
	require.NoError(t, transcript.Type(limited(t), tty, transcript.Loopback, names))
	require.NoError(t, transcript.Type(limited(t), tty, transcript.VHost, names))
	for _, line := range []string{
		"cd /", "vhost/ delete " + names["naa.5001405162d5cf9d"], "backstores/ramdisk delete rd0", "backstores/fileio delete disk0",
	} {
		require.NoError(t, tty.Enter(limited(t), line, "/> "))
	}
	require.NotContains(t, tty.Screen(), "no such")
}

// A script says the same.
func TestTranscriptsPiped(t *testing.T) {
	startDaemon(t)
	t.Cleanup(func() { os.Remove("/tmp/disk0.img") })
	for _, line := range transcript.Setup {
		shell(t, "tcmuctl "+line)
	}
	names := transcript.Names{}
	for _, text := range []string{transcript.Loopback, transcript.VHost} {
		cmd := exec.Command("tcmuctl")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		require.NoError(t, transcript.Pipe(limited(t), in, out, text, names))
		require.NoError(t, in.Close())
		more, err := io.ReadAll(out)
		require.NoError(t, err)
		require.Empty(t, more)
		require.NoError(t, cmd.Wait())
	}
	shell(t, "tcmuctl vhost/ delete "+names["naa.5001405162d5cf9d"])
	shell(t, "tcmuctl backstores/ramdisk delete rd0")
	shell(t, "tcmuctl backstores/fileio delete disk0")
}

// Bash asks tcmuctl what can be said.
func TestBashCompletes(t *testing.T) {
	startDaemon(t)
	newRamdisk(t, "1M")
	tty := onTerminal(t, "bash", "--norc", "--noprofile", "-i")
	for _, line := range []string{"PS1='$ '", ". /usr/share/bash-completion/bash_completion", `eval "$(tcmuctl completion bash)"`} {
		require.NoError(t, tty.Enter(limited(t), line, "$ "))
	}
	for keys, want := range map[string]string{
		"tcmuctl back\tram\t":   "$ tcmuctl backstores/ramdisk/",
		"tcmuctl loop\t cre\t":  "$ tcmuctl loopback/ create ",
		"tcmuctl --js\tls /b\t": "$ tcmuctl --json ls /backstores/",
	} {
		require.NoError(t, tty.Press(keys))
		require.NoError(t, tty.Await(limited(t), want))
		require.NoError(t, tty.Press("\x15"))
		require.NoError(t, tty.Await(limited(t), "$ "))
	}
}
