package backend

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	for _, test := range []struct {
		text string
		want Config
	}{
		{"tcmud/ramdisk", Config{Kind: "ramdisk"}},
		{"tcmud/null", Config{Kind: "null"}},
		{"tcmud/fileio/tmp/disk0.img", Config{Kind: "fileio", Path: "/tmp/disk0.img"}},
		{"tcmud/fileio/dev/disk/by-id/a b", Config{Kind: "fileio", Path: "/dev/disk/by-id/a b"}},
		{"tcmud/fileio/" + strings.Repeat("a", 242), Config{Kind: "fileio", Path: "/" + strings.Repeat("a", 242)}},
	} {
		t.Run(test.text, func(t *testing.T) {
			c, err := ParseConfig(test.text)
			require.NoError(t, err)
			require.Equal(t, test.want, c)
			require.Equal(t, test.text, c.String())
		})
	}
}

func TestParseConfigErrors(t *testing.T) {
	for text, message := range map[string]string{
		"":                     "not ours",
		"tcmud":                "not ours",
		"file/tmp/disk":        "not ours",
		"tcmud/":               "unknown kind of store",
		"tcmud/rbd/pool/image": `unknown kind of store "rbd": ramdisk, fileio and null are known`,
		"tcmud/ramdisk/x":      "ramdisk takes no path",
		"tcmud/null/":          "null takes no path",
		"tcmud/fileio":         "is not an absolute path",
		"tcmud/fileio/a,b":     "rename it or use a symbolic link",
		"tcmud/fileio/a:b":     "cannot carry",
		"tcmud/fileio/a\nb":    "cannot carry",
		"tcmud/fileio/a\x00b":  "cannot carry",
		"tcmud/fileio/" + strings.Repeat("a", 243): "use a shorter path",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParseConfig(text)
			require.ErrorContains(t, err, message)
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, text := range []string{"tcmud/ramdisk", "tcmud/fileio/tmp/disk", "tcmud/null", "tcmud//", "tcmud/fileio//..", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		require.Equal(t, text, c.String())
		require.NotContains(t, text, ",")
		require.LessOrEqual(t, len(text), 255)
	})
}
