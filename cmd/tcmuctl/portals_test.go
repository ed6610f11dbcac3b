package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortals(t *testing.T) {
	h := newISCSI(t)
	portals := tpg1 + "/portals"
	h.says("Created network portal 192.0.2.1:3261.", portals, "create", "192.0.2.1", "3261")
	h.says("Using default IP port 3260\nCreated network portal [2001:db8::1]:3260.", portals, "create", "2001:db8::1")
	h.says("Created network portal [::]:860.", portals, "create", "[::0]", "ip_port=860")
	h.shows(`
o- portals .... [Portals: 4]
  o- 0.0.0.0:3260 .... [OK]
  o- 192.0.2.1:3261 .... [OK]
  o- [2001:db8::1]:3260 .... [OK]
  o- [::]:860 .... [OK]
`, portals)

	h.says("Deleted network portal [::]:860", portals, "delete", "::", "860")
	h.says("Deleted network portal 0.0.0.0:3260", portals, "delete", "0.0.0.0", "3260")
	h.says("Using default IP port 3260\nBinding to INADDR_ANY (0.0.0.0)\nCreated network portal 0.0.0.0:3260.", portals, "create")
}

func TestBadPortals(t *testing.T) {
	h := newISCSI(t)
	portals := tpg1 + "/portals"
	for _, tt := range []struct {
		name string
		line []string
		want []string
	}{
		{"a name", []string{"create", "localhost"}, []string{`ip_address: "localhost" is no IP address`}},
		{"a link-local address", []string{"create", "fe80::1%eth0"}, []string{"link-local", "::0 for all"}},
		{"port 0", []string{"create", "192.0.2.1", "0"}, []string{"from 1 to 65535"}},
		{"port 65536", []string{"create", "192.0.2.1", "65536"}, []string{"from 1 to 65535"}},
		{"there already", []string{"create"}, []string{"portal 0.0.0.0:3260", "exists"}},
		{"all addresses are taken", []string{"create", "192.0.2.1"}, []string{"192.0.2.1:3260", "listen"}},
		{"delete without a port", []string{"delete", "0.0.0.0"}, []string{"ip_port is missing"}},
		{"not there", []string{"delete", "192.0.2.9", "3260"}, []string{"no portal 192.0.2.9:3260 in " + portals}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			h.refuses(tt.want, append([]string{portals}, tt.line...)...)
		})
	}
}

func TestISER(t *testing.T) {
	h := newISCSI(t)
	portal := tpg1 + "/portals/0.0.0.0:3260"
	h.refuses([]string{"ib_isert", "RDMA device"}, portal, "enable_iser", "true")

	file := filepath.Join(h.tpg(t).Portal(netip.MustParseAddrPort("0.0.0.0:3260")).Path(), "iser")
	require.NoError(t, os.WriteFile(file, []byte("1\n"), 0o600))
	require.Equal(t, "iser", h.summary(portal))
	h.says("iSER enable now: False", portal, "enable_iser", "false")
	require.Equal(t, "OK", h.summary(portal))
}

// TestPortOfSomebodyElse: a target can do without the default portal. The kernel has one word for all that is wrong.
func TestPortOfSomebodyElse(t *testing.T) {
	h := newHost(t)
	h.kernel.Fail = func(op, path string) error {
		if strings.HasSuffix(path, "/np/0.0.0.0:3260") {
			return syscall.EINVAL
		}
		return nil
	}
	h.says("Created target "+iqn+`.
Created TPG 1.
Default portal not created, something else listens at port 3260: make one at another address.`, "/iscsi", "create", iqn)
	require.Equal(t, "Portals: 0", h.summary(tpg1+"/portals"))
}
