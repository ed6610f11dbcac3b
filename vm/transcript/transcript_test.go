package transcript

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSteps(t *testing.T) {
	require.Equal(t, []step{
		{"/>", "cd vhost", nil},
		{"/vhost>", "create", []string{"Created target naa.5001405162d5cf9d.", "Created TPG 1."}},
		{"/vhost>", "cd naa.5001405162d5cf9d/tpg1/", nil},
		{"/vhost/naa.50...62d5cf9d/tpg1>", "luns/ create /backstores/ramdisk/rd0", []string{"Created LUN 0."}},
	}, steps(VHost))
}

func TestNamesAreLearntOnceAndThenHold(t *testing.T) {
	n := Names{"/tmp/disk0.img": "/x/y"}
	require.NoError(t, n.compare([]string{"Created target naa.5001405162d5cf9d."}, []string{"Created target naa.5001405000000007."}))
	require.Equal(t, "/vhost/naa.50...00000007/tpg1> ", n.actual("/vhost/naa.50...62d5cf9d/tpg1> "))
	require.NoError(t, n.compare([]string{"o- a ... [/tmp/disk0.img] "}, []string{"o- a ....... [/x/y] "}))
	require.ErrorContains(t, n.compare([]string{"Deleted naa.5001405162d5cf9d."}, []string{"Deleted naa.5001405000000008."}), "expected: Deleted naa.5001405000000007.")
	require.ErrorContains(t, n.compare([]string{"Created LUN 0."}, []string{"Created LUN 0"}), "expected")
	require.ErrorContains(t, n.compare(nil, []string{"x"}), "1 lines were said, not 0")
}

func TestTerminal(t *testing.T) {
	term := &Terminal{screen: make([][]rune, 1)}
	for _, part := range []string{"/> lx", "\b", "s\r\n\x1b[1mo- \x1b", "[0m/\r\ngr", "\xc3", "\xb6\xc3\x9fe\x1b[2Gx\x1b[0K\a\x1b[2C."} {
		term.show([]byte(part), nil)
	}
	require.Equal(t, "/> ls\no- /\ngx  .", term.Screen())
}

// shell answers lines as a shell behind a terminal would, with the answers it is given.
func shell(t *testing.T, answers map[string]string, prompt string) net.Conn {
	user, program := net.Pipe()
	t.Cleanup(func() { user.Close() })
	go func() {
		fmt.Fprint(program, prompt)
		for in := bufio.NewReader(program); ; {
			line, err := in.ReadString('\r')
			if err != nil {
				return
			}
			line = strings.TrimSuffix(line, "\r")
			fmt.Fprint(program, line+"\r\n"+answers[line]+prompt)
		}
	}()
	return user
}

func TestType(t *testing.T) {
	text := "/> create\nmade naa.5001405162d5cf9d\n/> delete naa.5001405162d5cf9d\ngone\n"
	good := map[string]string{"create": "made naa.0000000000000001\r\n", "delete naa.0000000000000001": "gone\r\n"}
	require.NoError(t, Type(t.Context(), NewTerminal(shell(t, good, "/> ")), text, Names{}))

	bad := map[string]string{"create": "made naa.0000000000000001\r\n", "delete naa.0000000000000001": "Gone\r\n"}
	require.ErrorContains(t, Type(t.Context(), NewTerminal(shell(t, bad, "/> ")), text, Names{}), "said:     Gone\nexpected: gone")
}

func TestPipe(t *testing.T) {
	text := "/> create\nmade naa.5001405162d5cf9d\n/> cd naa.5001405162d5cf9d\n"
	for answer, want := range map[string]string{"made naa.0000000000000001": "", "mad": "expected: made"} {
		in, toProgram := io.Pipe()
		fromProgram, out := io.Pipe()
		var lines []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for s := bufio.NewScanner(in); s.Scan(); {
				lines = append(lines, s.Text())
				if s.Text() == "create" {
					fmt.Fprintln(out, answer)
				}
			}
		}()
		err := Pipe(t.Context(), toProgram, fromProgram, text, Names{})
		toProgram.Close()
		<-done
		if want != "" {
			require.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []string{"create", "cd naa.0000000000000001"}, lines)
	}
}
