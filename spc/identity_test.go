package spc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/spc"
)

// The NAA designators that LIO and tcmu-runner make of these unit serial numbers: 6, the company_id 001405h, and the
// first 25 hexadecimal digits there are.
func TestNAA(t *testing.T) {
	for serial, want := range map[string]string{
		"a8c4ea0b-d3ec-4d5a-88ef-4dcd1b6dc08d": "6001405a8c4ea0bd3ec4d5a88ef4dcd1",
		"A8C4EA0B-D3EC-4D5A-88EF-4DCD1B6DC08D": "6001405a8c4ea0bd3ec4d5a88ef4dcd1",
		"a8c4ea0bd3ec4d5a88ef4dcd1b6dc08d":     "6001405a8c4ea0bd3ec4d5a88ef4dcd1",
		"0123456789abcdef012345678":            "60014050123456789abcdef012345678",
		"0123456789abcdef0123456789":           "60014050123456789abcdef012345678",
		"12":                                   "60014051200000000000000000000000",
		"":                                     "60014050000000000000000000000000",
		"disk-7":                               "6001405d700000000000000000000000",
		"zyx\x00\xff:/@G`g-12":                 "60014051200000000000000000000000",
	} {
		require.Equal(t, want, fmt.Sprintf("%x", spc.Identity{Serial: serial}.NAA()), "%q", serial)
	}
}
