package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletion(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.reads("Created ramdisk rd0 with size 512.\nCreated ramdisk rd1 with size 512.\nCreated target naa.5001405c81b9d906.\nCreated LUN 0.\n",
		"backstores/ramdisk create rd0 512", "backstores/ramdisk create rd1 512",
		"loopback/ create "+target, "loopback/"+target+"/luns create /backstores/ramdisk/rd0")
	files := h.dir + "/"
	for _, name := range []string{"disk0.img", "disk 1.img", ".hidden"} {
		require.NoError(t, os.WriteFile(files+name, nil, 0o600))
	}
	require.NoError(t, os.Mkdir(files+"more", 0o700))

	for _, tt := range []struct {
		line string
		want []string
	}{
		{"loo", []string{"loopback/"}},
		{"l", []string{"loglevel ", "loopback/", "ls "}},
		{"/", []string{"/backstores/", "/iscsi/", "/loopback/", "/vhost/"}},
		{"/backstores/r", []string{"/backstores/ramdisk/"}},
		{"/backstores/ramdisk/rd", []string{"/backstores/ramdisk/rd0 ", "/backstores/ramdisk/rd1 "}},
		{"loopback/ c", []string{"cd ", "create "}},
		{"/nowhere c", nil},
		{"loopback/ nosuch x", nil},
		{"cd back", []string{"backstores/"}},
		{"cd path=back", []string{"path=backstores/"}},
		{"ls /backstores/ramdisk/rd1", []string{"/backstores/ramdisk/rd1 "}},
		{"ls / d", []string{"depth="}},
		{"loopback/ delete ", []string{target + " ", "wwn="}},
		{"loopback/ delete wwn=naa", []string{"wwn=" + target + " "}},
		{"loopback/" + target + "/luns create ", []string{"/backstores/ramdisk/rd0 ", "/backstores/ramdisk/rd1 ", "add_mapped_luns=", "group=", "lun=", "storage_object="}},
		{"loopback/" + target + "/luns create lun=1 ", []string{"/backstores/ramdisk/rd0 ", "/backstores/ramdisk/rd1 ", "add_mapped_luns=", "group=", "storage_object="}},
		{"backstores/fileio create x write", []string{"write_back="}},
		{"backstores/fileio create x write_back=f", []string{"write_back=false "}},
		{"backstores/fileio create x block_size=", []string{"block_size=4096 ", "block_size=512 "}},
		{"backstores/fileio create x " + files + "d", []string{files + `disk\ 1.img `, files + "disk0.img "}},
		{"backstores/fileio create x " + files + `disk\ `, []string{files + `disk\ 1.img `}},
		{"backstores/fileio create x '" + files + "disk ", []string{files + `disk\ 1.img `}},
		{"backstores/fileio create x " + files, []string{files + `disk\ 1.img `, files + "disk0.img ", files + "more/"}},
		{"backstores/fileio create x " + files + ".", []string{files + ".hidden "}},
		{"help ver", []string{"version "}},
		{"completion z", []string{"zsh "}},
		{"--j", []string{"--json "}},
		{"--json --socket /none pw", []string{"pwd "}},
		{"--nosuch pw", nil},
	} {
		t.Run(tt.line, func(t *testing.T) {
			stdout, stderr, _ := h.enterRaw(completeCommand, "tcmuctl "+tt.line)
			require.Empty(t, stderr)
			require.Equal(t, strings.Join(append(tt.want, ""), "\n"), stdout)
		})
	}
	stdout, _, _ := h.enterRaw(completeCommand, "tcmuctl ")
	require.Contains(t, stdout, "\nbackstores/\n")
	require.Contains(t, "\n"+stdout, "\n/\n")
	stdout, _, _ = h.enterRaw(completeCommand, "tcm")
	require.Empty(t, stdout)
	_, _, status := h.enterRaw(completeCommand)
	require.Equal(t, 1, status)
}

func TestCompletionOfSettings(t *testing.T) {
	s := newSettable(t)
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"get ", []string{"attribute", "auth", "group=", "size"}},
		{"get attribute ", []string{"cache", "hw", "queue"}},
		{"get attribute queue h", []string{"hw"}},
		{"set ", []string{"attribute", "auth", "group=", "size="}},
		{"set attribute ", []string{"cache=", "queue="}},
		{"set attribute queue=", []string{"queue=128"}},
		{"set attribute queue=1 c", []string{"cache="}},
		{"set auth password=", []string{"password="}},
		{"set si", []string{"size="}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			words := texts(begun(tt.line))
			var list []string
			for _, c := range s.at.suggest(words) {
				if strings.HasPrefix(c, words[len(words)-1]) {
					list = append(list, c)
				}
			}
			require.ElementsMatch(t, tt.want, list)
		})
	}
}

// "make lint" lets the shells read their scripts.
func TestCompletionScripts(t *testing.T) {
	h := newHost(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, stderr, status := h.enter("completion", shell)
		require.Zero(t, status, stderr)
		require.Contains(t, script, "tcmuctl "+completeCommand)
	}
	h.refuses([]string{`"csh" is no shell`, "bash, zsh or fish"}, "completion", "csh")
}

func TestBashCompletion(t *testing.T) {
	h := newHost(t)
	script, _, _ := h.enter("completion", "bash")
	dir := t.TempDir()
	// Stands in for tcmuctl: what it is asked, and two names with a colon in them.
	asked := filepath.Join(dir, "asked")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tcmuctl"), []byte("#!/bin/sh\necho \"$2\" >"+asked+"\necho 'delete wwn=iqn.2003-01:a '\necho 'iqn.2003-01:b '\n"), 0o700))
	c := exec.Command("bash", "-c", script+`
COMP_LINE="tcmuctl iscsi/ delete iqn.2003-01:x y" COMP_POINT=35
_tcmuctl
printf '<%s>' "${COMPREPLY[@]}"`)
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "<delete wwn=iqn.2003-01:a ><b >", string(out), "only what is behind the colon")
	line, err := os.ReadFile(asked)
	require.NoError(t, err)
	require.Equal(t, "tcmuctl iscsi/ delete iqn.2003-01:x\n", string(line), "the line up to the cursor")
}
