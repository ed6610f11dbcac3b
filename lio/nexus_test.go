package lio

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNexusConfig(t *testing.T) {
	for text, n := range map[string]Nexus{
		"tcmud/nexus;port=1;group=0/rd0/naa.5001405c81b9d906":                       {"rd0", "naa.5001405c81b9d906", 1, 0},
		"tcmud/nexus;port=65535;group=2/disk0/iqn.1993-08.org.debian%3A01%3Aabc":    {"disk0", "iqn.1993-08.org.debian:01:abc", 65535, 2},
		"tcmud/nexus;port=3;group=1/a.b-c_d/iqn.2003-01.org.example%3Aa%2Cb%2Fc%25": {"a.b-c_d", "iqn.2003-01.org.example:a,b/c%", 3, 1},
	} {
		require.Equal(t, text, n.String())
		require.NoError(t, checkConfig(text))
		require.True(t, IsNexus(text))
		got, err := ParseNexus(text)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	for _, text := range []string{
		"tcmud/ramdisk", "tcmud/nexus", "tcmud/nexus;/rd0/naa.5001405c81b9d906", "tcmud/nexus;port=0/rd0/naa.1",
		"tcmud/nexus;port=1;group=0/rd0", "tcmud/nexus;port=1;group=0/rd0/", "tcmud/nexus;port=65536/rd0/naa.1",
		"tcmud/nexus;port=1;x=1/rd0/naa.1", "tcmud/nexus;port=1/../naa.1", "tcmud/nexus;port=1/rd0/%zz", "tcmud/nexus;port/rd0/naa.1",
		"tcmud/nexus;port=1/rd0/naa.1/more",
	} {
		_, err := ParseNexus(text)
		require.ErrorContains(t, err, text)
	}
}
