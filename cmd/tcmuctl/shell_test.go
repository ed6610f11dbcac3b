package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/transcript"
)

// begin is a host with what the sessions of package transcript begin with. The file is the test's own.
func begin(t *testing.T) (h *host, names transcript.Names) {
	h = newHost(t)
	h.start(servesAll)
	names = transcript.Names{"/tmp/disk0.img": filepath.Join(h.dir, "disk0.img")}
	for _, line := range transcript.Setup {
		_, stderr, status := h.pipe(strings.ReplaceAll(line, "/tmp/disk0.img", names["/tmp/disk0.img"]))
		require.Zero(t, status, stderr)
	}
	return h, names
}

func TestTranscriptsThroughAPipe(t *testing.T) {
	for name, text := range map[string]string{"loopback": transcript.Loopback, "vhost": transcript.VHost} {
		t.Run(name, func(t *testing.T) {
			h, names := begin(t)
			in, toShell := io.Pipe()
			fromShell, out := io.Pipe()
			var errs strings.Builder
			status := make(chan int)
			go func() {
				open := func() (lio.Root, error) { return h.kernel.Root(), nil }
				s := run(t.Context(), []string{"--socket", h.socket}, open, &console{in: in, out: out, err: &errs})
				out.CloseWithError(io.ErrUnexpectedEOF)
				status <- s
			}()
			ctx, cancel := context.WithTimeout(t.Context(), typeTime)
			defer cancel()
			err := transcript.Pipe(ctx, toShell, fromShell, text, names)
			toShell.Close()
			require.Zero(t, <-status, errs.String())
			require.NoError(t, err)
		})
	}
}

// childOf tells TestShellOfAChild that it is the shell that another test types at.
const childOf = "TCMUCTL_TEST_SHELL"

// TestShellOfAChild is not a test by itself: it is what typed starts, a shell on a terminal over a kernel in a directory.
func TestShellOfAChild(t *testing.T) {
	if os.Getenv(childOf) == "" {
		t.Skip("the tests that type start it")
	}
	h, names := begin(t)
	require.NoError(t, os.Symlink(names["/tmp/disk0.img"], filepath.Join(os.Getenv(childOf), "disk0.img")))
	open := func() (lio.Root, error) { return h.kernel.Root(), nil }
	status := run(context.Background(), []string{"--socket", h.socket}, open, &console{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	os.Exit(status)
}

// typeTime is how long a shell may take to answer.
const typeTime = 20 * time.Second

// typed is a shell on a terminal.
type typed struct {
	*testing.T
	*transcript.Terminal
	dir    string // of the shell's files
	names  transcript.Names
	output *raw
	shell  *exec.Cmd
	ended  chan error
}

// newTyped starts a shell on a terminal of a kind.
func newTyped(t *testing.T, kind string) *typed {
	s := &typed{T: t, dir: t.TempDir(), names: transcript.Names{}, ended: make(chan error, 1)}
	s.shell = exec.Command(os.Args[0], "-test.run=^TestShellOfAChild$")
	s.shell.Env = append(os.Environ(), childOf+"="+s.dir, "XDG_STATE_HOME="+s.dir, "TERM="+kind)
	tty, err := pty.StartWithSize(s.shell, &pty.Winsize{Rows: 50, Cols: 100})
	require.NoError(t, err)
	go func() { s.ended <- s.shell.Wait() }()
	t.Cleanup(func() {
		s.shell.Process.Kill()
		tty.Close()
	})
	s.output = &raw{ReadWriter: tty}
	s.Terminal = transcript.NewTerminal(s.output)
	s.await("/> ")
	file, err := os.Readlink(filepath.Join(s.dir, "disk0.img"))
	require.NoError(t, err)
	s.names["/tmp/disk0.img"] = file
	return s
}

func (s *typed) context() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), typeTime)
	s.Cleanup(cancel)
	return ctx
}

// await waits for the last line on the screen.
func (s *typed) await(last string) {
	s.Helper()
	require.NoError(s, s.Await(s.context(), last))
}

// press presses keys and waits for what is then the last line on the screen.
func (s *typed) press(keys, last string) {
	s.Helper()
	require.NoError(s, s.Press(keys))
	s.await(last)
}

// enter types a line and waits for the prompt after it.
func (s *typed) enter(line, prompt string) {
	s.Helper()
	require.NoError(s, s.Enter(s.context(), line, prompt))
}

// leaves waits until the shell has ended, well.
func (s *typed) leaves() {
	s.Helper()
	select {
	case err := <-s.ended:
		require.NoError(s, err)
	case <-time.After(typeTime):
		s.Fatal("it goes on:\n" + s.Screen())
	}
}

func TestTranscriptsTyped(t *testing.T) {
	for _, kind := range []string{"xterm", "dumb"} {
		for name, text := range map[string]string{"loopback": transcript.Loopback, "vhost": transcript.VHost} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Setenv("NO_COLOR", "1")
				s := newTyped(t, kind)
				require.Contains(t, s.Screen(), "tcmuctl "+version+"\nType help to see")
				require.NoError(t, transcript.Type(s.context(), s.Terminal, text, s.names))
				require.NoError(t, s.Press("exit\r"))
				s.leaves()
			})
		}
	}
}

func TestEditing(t *testing.T) {
	s := newTyped(t, "xterm")
	s.press("back\tra\t", "/> backstores/ramdisk/")
	s.press(" ", "/> backstores/ramdisk/ ")
	s.press("pw\t", "/> backstores/ramdisk/ pwd ")
	s.enter("", "/> ")
	require.Contains(t, s.Screen(), "/> backstores/ramdisk/ pwd \n/backstores/ramdisk\n/> ")

	s.enter("cd nowhere", "/> ")
	require.Contains(t, s.Screen(), "\nno such path: /nowhere: \"tcmuctl ls /\" shows what there is\n/> ", "an error does not end the shell")
	s.press("create nonsense", "/> create nonsense")
	s.press("\x03", "/> ")
	s.press("\x1b[A", "/> cd nowhere")
	s.press("\x15", "/> ")
	s.enter("cd backstores/", "/backstores> ")
	require.NoError(t, s.Press("\x04"))
	s.leaves()
	require.True(t, strings.HasSuffix(strings.TrimSpace(s.Screen()), "/backstores> exit"), s.Screen())
}

// raw keeps what a program prints besides showing it.
type raw struct {
	io.ReadWriter
	mu      sync.Mutex
	printed strings.Builder
}

func (r *raw) Read(p []byte) (int, error) {
	n, err := r.ReadWriter.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.printed.Write(p[:n])
	return n, err
}

func (r *raw) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.printed.String()
}

func TestColoursOnlyWhereTheyAreWanted(t *testing.T) {
	for _, tt := range []struct {
		kind, noColor string
		want          bool
	}{{"xterm", "", true}, {"xterm", "1", false}, {"dumb", "", false}} {
		t.Run(tt.kind+tt.noColor, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			s := newTyped(t, tt.kind)
			s.enter("ls", "/> ")
			s.enter("nosuch", "/> ")
			require.Equal(t, tt.want, strings.Contains(s.output.String(), string(blue.paint("backstores"))))
			require.Equal(t, tt.want, strings.Contains(s.output.String(), string(red)))
		})
	}
}

func TestCtrlCEndsACommandAndNotTheShell(t *testing.T) {
	s := newTyped(t, "xterm")
	s.enter("loopback/ create "+target, "/> ")
	syscall.Kill(s.shell.Process.Pid, syscall.SIGINT)
	s.enter("pwd", "/> ")
	require.True(t, strings.HasSuffix(s.Screen(), "/> pwd\n/\n/> "), s.Screen())
}

func TestHistoryKeepsNoPasswords(t *testing.T) {
	s := newTyped(t, "xterm")
	s.enter("cd loopback", "/loopback> ")
	s.enter("set auth userid=a password=hush", "/loopback> ")
	s.enter("cd /", "/> ")
	s.press("\x1b[A\x1b[A", "/> cd loopback")
	s.press("\x15", "/> ")
	require.NoError(t, s.Press("exit\r"))
	s.leaves()
	path := filepath.Join(s.dir, "tcmuctl", "history")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "cd loopback\ncd /\nexit\n", string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}
