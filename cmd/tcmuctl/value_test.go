package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "10485760": 10 << 20, "10M": 10 << 20, "10m": 10 << 20, "10MB": 10 << 20, "10MiB": 10 << 20,
		"10 MiB": 10 << 20, "1.5G": 3 << 29, "4k": 4096, "2T": 2 << 40, "1024P": 1 << 60,
		"1152921504606846975": 1<<60 - 1, // exact, where a float64 would not be
	} {
		n, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
	}
	for text, want := range map[string]string{
		"":                     "is no size:",
		"M":                    "is no size:",
		"ten":                  "is no size:",
		"10X":                  "is no size:",
		"NaN":                  "is no size:",
		"0":                    "more than 0",
		"0G":                   "more than 0",
		"-1":                   "more than 0",
		"-10M":                 "more than 0",
		"1025P":                "too large",
		"1152921504606846977":  "too large",
		"99999999999999999999": "too large",
		"99999999999P":         "too large",
	} {
		_, err := parseSize(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestHumanSizes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0KiB", 1536: "1.5KiB", 10 << 20: "10.0MiB",
		1<<30 - 1: "1024.0MiB", 1 << 30: "1.0GiB", 1 << 40: "1.0TiB", 1 << 50: "1.0PiB", 1 << 60: "1.0EiB", 1<<63 - 1: "8.0EiB",
	} {
		require.Equal(t, want, humanSize(n))
	}
}

func TestBooleans(t *testing.T) {
	for _, text := range []string{"true", "True", "yes", "on", "1"} {
		b, err := parseBool(text)
		require.NoError(t, err)
		require.True(t, b)
	}
	for _, text := range []string{"false", "FALSE", "no", "off", "0"} {
		b, err := parseBool(text)
		require.NoError(t, err)
		require.False(t, b)
	}
	_, err := parseBool("2")
	require.ErrorContains(t, err, `"2" is neither`)
}
