package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCut(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                  nil,
		"   ":                               nil,
		"# luns/ create":                    nil,
		"luns/  create\t/backstores/x 0\r":  {"luns/", "create", "/backstores/x", "0"},
		"ls # all of it":                    {"ls"},
		"create a#b":                        {"create", "a#b"},
		`set auth password="a b" userid=''`: {"set", "auth", "password=a b", "userid="},
		`create '' "" x`:                    {"create", "", "", "x"},
		`a\ b 'c\d' "e\"f" \'`:              {"a b", `c\d`, `e"f`, "'"},
		`end\`:                              {`end\`},
		"naïve größe":                       {"naïve", "größe"},
	} {
		words, err := cut(line)
		require.NoError(t, err, line)
		require.Equal(t, want, texts(words), line)
	}
	for _, line := range []string{`create "a b`, `create 'a`} {
		words, err := cut(line)
		require.ErrorContains(t, err, "a quote is not closed", line)
		require.Len(t, words, 2)
	}
}

func TestBegun(t *testing.T) {
	for line, want := range map[string][]word{
		"":            {{"", 0}},
		"ls":          {{"ls", 0}},
		"ls ":         {{"ls", 0}, {"", 3}},
		`ls a\ `:      {{"ls", 0}, {"a ", 3}},
		`create "a b`: {{"create", 0}, {"a b", 7}},
		`create "a `:  {{"create", 0}, {"a ", 7}},
	} {
		require.Equal(t, want, begun(line), line)
	}
}

func TestQuotedWordsAreCutToThemselves(t *testing.T) {
	for _, text := range []string{"a", "a b", `a\b`, `it's "x"`, "$(reboot);*", "a#b", "#", "tab\there"} {
		words, err := cut(quoted(text))
		require.NoError(t, err, text)
		require.Equal(t, []string{text}, texts(words))
	}
	require.Equal(t, `a\ b `, quoted("a b "), "the blank that ends a word stays one")
}
