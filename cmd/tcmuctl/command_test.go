package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var sample = command{name: "create", params: []param{
	{name: "name", is: text, required: true},
	{name: "write_back", is: boolean, keyword: true},
	{name: "size", is: size, required: true},
	{name: "lun", is: lunNumber},
}}

var sampleMany = command{name: "set", params: []param{
	{name: "group", is: text},
	{name: "name=value", is: assignment, many: true},
}}

func TestUsage(t *testing.T) {
	require.Equal(t, "create NAME [write_back=BOOL] SIZE [LUN]", sample.usage())
	require.Equal(t, "set [GROUP] [NAME=VALUE...]", sampleMany.usage())
}

func TestBind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		want  args
	}{
		{"by position, past the keyword", []string{"a", "1K", "lun3"}, args{"name": "a", "size": int64(1024), "lun": 3}},
		{"by name, in any order", []string{"lun=3", "size=1K", "name=a"}, args{"name": "a", "size": int64(1024), "lun": 3}},
		{"mixed", []string{"write_back=no", "a", "size=2", "name=b"}, nil},
		{"keyword before positions", []string{"write_back=no", "a", "2"}, args{"name": "a", "size": int64(2), "write_back": false}},
		{"what is given by name takes no position", []string{"name=a", "b", "2"}, nil},
		{"a path with an equals sign is no keyword", []string{"/tmp/a=b", "2"}, args{"name": "/tmp/a=b", "size": int64(2)}},
		{"a value with an equals sign", []string{"name=a=b", "size=2"}, args{"name": "a=b", "size": int64(2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := sample.bind(tt.words)
			if tt.want == nil {
				require.ErrorContains(t, err, "create: name is given twice: create NAME")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, a)
		})
	}
}

func TestBindMany(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		want  args
	}{
		{"nothing", nil, args{}},
		{"only the group", []string{"attribute"}, args{"group": "attribute"}},
		{"several", []string{"attribute", "a=1", "b=2=3"}, args{"group": "attribute", "name=value": []any{change{"a", "1"}, change{"b", "2=3"}}}},
		{"without a group", []string{"size=1G"}, args{"name=value": []any{change{"size", "1G"}}}},
		{"the group by its name, last", []string{"a=", "group=auth"}, args{"group": "auth", "name=value": []any{change{"a", ""}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := sampleMany.bind(tt.words)
			require.NoError(t, err)
			require.Equal(t, tt.want, a)
		})
	}
	_, err := sampleMany.bind([]string{"attribute", "a"})
	require.EqualError(t, err, `set: name=value: "a" changes nothing: give name=value`)
}

func TestAccessorsFallBack(t *testing.T) {
	a := args{"n": 0, "b": false}
	require.Equal(t, 0, a.number("n", 5))
	require.Equal(t, 5, a.number("m", 5))
	require.False(t, a.boolean("b", true))
	require.True(t, a.boolean("c", true))
	require.Empty(t, a.text("t"))
	require.Zero(t, a.size("s"))
}

// walk calls f for each kind that can be reached.
func walk(k *kind, path string, f func(path string, k *kind)) {
	f(path, k)
	for _, b := range k.below {
		walk(b, path+"/"+b.name, f)
	}
}

func TestEveryCommandIsFullyDescribed(t *testing.T) {
	commands := 0
	walk(&rootKind, "", func(path string, k *kind) {
		require.NotEmpty(t, k.name, path)
		seen := map[string]bool{}
		for _, c := range k.all() {
			commands++
			require.NotNil(t, c.run, path)
			require.NotEmpty(t, c.help, path)
			require.NotContains(t, c.help, "\n", path)
			require.False(t, seen[c.name], "%s: %s twice", path, c.name)
			seen[c.name] = true
			for _, p := range c.params {
				require.NotEmpty(t, p.help, "%s %s %s", path, c.name, p.name)
				require.NotNil(t, p.is.parse, "%s %s %s", path, c.name, p.name)
			}
		}
	})
	require.Greater(t, commands, 20)
}

func TestHelp(t *testing.T) {
	h := newHost(t)
	stdout, _, _ := h.enter("help")
	for _, want := range []string{
		"\n/backstores/ramdisk\n  create NAME SIZE [reservations=kernel|engine] [block_size=512|4096]",
		"\n/iscsi/WWN/tpgN/luns\n/loopback/WWN/luns\n/vhost/WWN/tpgN/luns\n  create STORAGE_OBJECT [LUN]",
		"\n  set auth NAME=VALUE...\n        CHAP",
		"\nanywhere\n  cd [PATH]\n", "\n  ls [PATH] [DEPTH]\n        show the tree\n",
	} {
		require.Contains(t, stdout, want)
	}
	byFlag, _, _ := h.enter("--help")
	require.True(t, strings.HasPrefix(byFlag, "tcmuctl [OPTIONS] "+stdout), byFlag)
	require.Regexp(t, "\noptions\n +--json +print JSON\n(?s:.*) +--socket string", byFlag)

	h.says(`/loopback create [WWN]
make a target whose LUNs become disks of this host
  wwn          its name, naa. and 16 hexadecimal digits; random if left out`, "/loopback", "help", "create")

	var topics []topic
	h.json(&topics, "/loopback", "help")
	require.Equal(t, "/loopback", topics[0].Path)
	require.Equal(t, "create [WWN]", topics[0].Usage)
}

func TestVersion(t *testing.T) {
	h := newHost(t)
	h.says("tcmuctl version "+version, "version")
	h.says("tcmuctl version "+version, "--version")
}
