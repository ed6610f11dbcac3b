package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reads checks that lines succeed, and what they print.
func (h *host) reads(want string, lines ...string) {
	h.t.Helper()
	stdout, stderr, status := h.pipe(strings.Join(lines, "\n"))
	require.Empty(h.t, stderr)
	require.Zero(h.t, status)
	require.Equal(h.t, want, stdout)
}

func TestPipe(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.reads(`Created ramdisk rd0 with size 1M.
/loopback
Created target naa.5001405c81b9d906.
Created LUN 0.
/loopback/naa.5001405c81b9d906/luns
/loopback/naa.5001405c81b9d906
/loopback/naa.5001405c81b9d906/luns
Deleted Target naa.5001405c81b9d906.
/loopback
`,
		"# a disk, and who sees it", "", "/backstores/ramdisk create rd0 1M",
		"cd loopback", "pwd", "create "+target,
		target+"/luns/ create '/backstores/ramdisk/rd0'  # the disk",
		target+"/luns/", "pwd", "..", "pwd", "cd -", "pwd",
		"/loopback delete "+target, "pwd")
	h.reads("/\n", "cd /loopback", "cd", "pwd")
	h.reads("/loopback\n", "loopback/", "pwd", "exit", "nosuch")
}

func TestPipeStopsAtTheFirstError(t *testing.T) {
	h := newHost(t)
	lines := "pwd\n\ncd nowhere\npwd\nnosuch\n"
	stdout, stderr, status := h.pipe(lines)
	require.Equal(t, 1, status)
	require.Equal(t, "/\n", stdout)
	require.Equal(t, "tcmuctl: line 3: no such path: /nowhere: \"tcmuctl ls /\" shows what there is\n", stderr)

	stdout, stderr, status = h.pipe(lines, "--keep-going")
	require.Equal(t, 1, status)
	require.Equal(t, "/\n/\n", stdout)
	require.Regexp(t, "^tcmuctl: line 3: no such path.*\ntcmuctl: line 5: /: no command \"nosuch\".*\ntcmuctl: 2 lines have failed\n$", stderr)

	_, stderr, status = h.pipe("ls 'a\n")
	require.Equal(t, 1, status)
	require.Equal(t, "tcmuctl: line 1: a quote is not closed: end the word with '\n", stderr)
}

func TestAllNodesBelow(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.reads("Created ramdisk a with size 512.\nCreated ramdisk b with size 512.\n",
		"backstores/ramdisk create a 512", "backstores/ramdisk create b 512")
	h.reads("[/backstores/ramdisk/a]\n/backstores/ramdisk/a\n[/backstores/ramdisk/b]\n/backstores/ramdisk/b\n", "/backstores/ramdisk/* pwd")
	stdout, _, _ := h.pipe("cd backstores/ramdisk\n*")
	require.Contains(t, stdout, "[/backstores/ramdisk/b]\no- b ...")
	h.refuses([]string{"/backstores/block: no command \"create2\""}, "backstores/*", "create2")
	h.refuses([]string{"no such path: /nowhere"}, "/nowhere/*", "ls")

	var paths map[string]place
	h.json(&paths, "/backstores/ramdisk/*", "pwd")
	require.Equal(t, map[string]place{"/backstores/ramdisk/a": {"/backstores/ramdisk/a"}, "/backstores/ramdisk/b": {"/backstores/ramdisk/b"}}, paths)
}

func TestPrompt(t *testing.T) {
	s := newHost(t).session()
	for here, want := range map[string]string{
		"/":                                "/> ",
		"/loopback/naa.5001405c81b9d906":   "/loopback/naa.5001405c81b9d906> ",
		"/vhost/naa.5001405162d5cf9d/tpg1": "/vhost/naa.50...62d5cf9d/tpg1> ",
	} {
		s.here = here
		require.Equal(t, want, s.prompt())
	}
}

// Somebody else deletes the place where one is.
func TestNothingIsSaidToAPlaceThatHasGone(t *testing.T) {
	h := newHost(t)
	h.reads("Created target naa.5001405c81b9d906.\n", "loopback/ create "+target)
	s := h.session()
	var out strings.Builder
	c := &console{out: &out}
	require.NoError(t, s.line(t.Context(), "cd loopback/"+target+"/luns", c))
	h.reads("Deleted Target naa.5001405c81b9d906.\n", "loopback/ delete "+target)

	err := s.line(t.Context(), "pwd", c)
	require.EqualError(t, err, "/loopback/"+target+"/luns, where this was said, has gone: nothing is done: say it again with a path")
	require.Empty(t, out.String())
	require.NoError(t, s.line(t.Context(), "pwd", c))
	require.Equal(t, "/loopback\n", out.String(), "one is at what is left above")
}
