package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

func TestCHAP(t *testing.T) {
	h := newISCSI(t)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	for _, path := range []string{tpg1, acl} {
		h.says("Parameter userid is now 'alice'.\nParameter password is now 'open-sesame'.", path, "set", "auth", "userid=alice", "password=open-sesame")
		h.says("Parameter mutual_userid is now 'disks'.\nParameter mutual_password is now 'cave=cave'.", path, "set", "auth", "mutual_userid=disks", "mutual_password=cave=cave")
		h.says("userid=alice\npassword=open-sesame", path, "get", "auth", "userid", "password")
	}
	want := lio.Auth{UserID: "alice", Password: "open-sesame", MutualUserID: "disks", MutualPassword: "cave=cave"}
	for _, o := range []authenticated{h.tpg(t), h.tpg(t).ACL(initiator)} {
		auth, err := o.Auth()
		require.NoError(t, err)
		require.Equal(t, want, auth)
	}

	h.says("Parameter mutual_password is now ''.", acl, "set", "auth", "mutual_password=")
	auth, err := h.tpg(t).ACL(initiator).Auth()
	require.NoError(t, err)
	want.MutualPassword = ""
	require.Equal(t, want, auth)
}

func TestCHAPInTheTree(t *testing.T) {
	h := newISCSI(t)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	h.says("Parameter authentication is now '1'.", tpg1, "set", "attribute", "authentication=1")
	require.Equal(t, "1-way auth, Mapped LUNs: 0", h.summary(acl))
	for _, path := range []string{tpg1, acl} {
		_, stderr, status := h.enter(path, "set", "auth", "userid=a", "password=b", "mutual_userid=c", "mutual_password=d")
		require.Zero(t, status, stderr)
	}
	require.Equal(t, "mutual auth, Mapped LUNs: 0", h.summary(acl))
	h.says("Parameter generate_node_acls is now '1'.", tpg1, "set", "attribute", "generate_node_acls=1")
	require.Equal(t, "auth via tpg, Mapped LUNs: 0", h.summary(acl))
	require.Equal(t, "gen-acls, tpg-auth, mutual auth", h.summary(tpg1))
}

func TestDiscoveryAuth(t *testing.T) {
	h := newISCSI(t)
	h.says(`discovery_auth
  enable           False
  mutual_password
  mutual_userid
  password
  userid`, "/iscsi", "get", "discovery_auth")
	h.says("Parameter userid is now 'bob'.\nParameter password is now 'hush'.\nParameter enable is now 'True'.",
		"/iscsi", "set", "discovery_auth", "userid=bob", "password=hush", "enable=1")
	require.Equal(t, "1-way disc auth, Targets: 1", h.summary("/iscsi"))
	h.says("Parameter mutual_userid is now 'x'.\nParameter mutual_password is now 'y'.",
		"/iscsi", "set", "discovery_auth", "mutual_userid=x", "mutual_password=y")
	require.Equal(t, "mutual disc auth, Targets: 1", h.summary("/iscsi"))

	fabric, err := h.kernel.Root().Fabric("iscsi")
	require.NoError(t, err)
	d, err := fabric.Discovery()
	require.NoError(t, err)
	require.Equal(t, lio.Discovery{Auth: lio.Auth{UserID: "bob", Password: "hush", MutualUserID: "x", MutualPassword: "y"}, Enforced: true}, d)
	h.refuses([]string{`enable=maybe`, "neither true nor false"}, "/iscsi", "set", "discovery_auth", "enable=maybe")
}

func TestPasswordsAreNotForEverybody(t *testing.T) {
	h := newISCSI(t)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	for _, line := range [][]string{
		{tpg1, "set", "auth", "password=secret-1", "mutual_password=secret-2"},
		{acl, "set", "auth", "password=secret-3", "mutual_password=secret-4"},
		{"/iscsi", "set", "discovery_auth", "password=secret-5", "mutual_password=secret-6"},
	} {
		_, stderr, status := h.enter(line...)
		require.Zero(t, status, stderr)
	}
	for _, line := range [][]string{
		{"ls"}, {"--json", "ls"}, {tpg1, "info"}, {acl, "info"}, {"/iscsi", "info"}, {"--json", acl, "info"},
		{tpg1, "get"}, {acl, "get"}, {"/iscsi", "get"}, {"--json", tpg1, "get"},
	} {
		stdout, stderr, status := h.enter(line...)
		require.Zero(t, status, stderr)
		require.NotContains(t, stdout, "secret-", line)
	}
	h.says("password=secret-1", tpg1, "get", "auth", "password")
}

func TestBadCHAP(t *testing.T) {
	h := newISCSI(t)
	for _, tt := range []struct{ name, value, want string }{
		{"a blank", "a b", "blanks"},
		{"a tab", "a\tb", "blanks"},
		{"beyond ASCII", "päss", "beyond ASCII"},
		{"the kernel's word for none", "NULL", "begins with NULL"},
		{"what the kernel takes for that", "NULLtarif", "begins with NULL"},
		{"too long", strings.Repeat("x", 256), "256 bytes: use at most 255"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorContains(t, checkCHAP(tt.value), tt.want)
			h.t = t
			_, stderr, status := h.enter(tpg1, "set", "auth", "userid="+tt.value)
			require.Equal(t, 1, status)
			require.Contains(t, stderr, tt.want)
			auth, err := h.tpg(t).Auth()
			require.NoError(t, err)
			require.Zero(t, auth)
		})
	}
	require.NoError(t, checkCHAP(strings.Repeat("x", 255)))
	require.NoError(t, checkCHAP("~!@#$%^&*()"))
}
