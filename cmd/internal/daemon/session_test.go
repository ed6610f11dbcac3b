package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/scsi"
)

// info is what the kernel tells of a session.
func info(id int, state, connections string) string {
	return fmt.Sprintf(`InitiatorName: iqn.2003-01.org.example:a
InitiatorAlias: libiscsi
LIO Session ID: %d   ISID: 0x80 7a b3 0e 00 00  TSIH: 2  SessionType: Normal
Session State: %s
---------------------[iSCSI Session Values]-----------------------
  CmdSN/WR  :  CmdSN/WC  :  ExpCmdSN  :  MaxCmdSN  :     ITT    :     TTT
 0x00000040   0x00000040   0x00000005   0x00000044   0x00000004   0x00000000
----------------------[iSCSI Connections]-------------------------
%s`, id, state, connections)
}

const (
	loggedIn  = "CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN\n   Address 127.0.0.1 TCP  StatSN: 0x00000005\n"
	inLogout  = "CID: 0  Connection State: TARG_CONN_STATE_IN_LOGOUT\n   Address 127.0.0.1 TCP  StatSN: 0x00000005\n"
	otherUsed = "CID: 1  Connection State: TARG_CONN_STATE_LOGGED_IN\n   Address 127.0.0.1 TCP  StatSN: 0x00000005\n"
)

func TestSessionOf(t *testing.T) {
	for name, test := range map[string]struct {
		info, session string
		known         bool
	}{
		"there":             {info(3, "TARG_SESS_STATE_LOGGED_IN", loggedIn), "3", true},
		"logging out":       {info(3, "TARG_SESS_STATE_LOGGED_IN", inLogout), "", true},
		"one of two leaves": {info(3, "TARG_SESS_STATE_LOGGED_IN", inLogout+otherUsed), "3", true},
		"no connection":     {info(3, "TARG_SESS_FREE", ""), "", true},
		"connection lost":   {info(3, "TARG_SESS_STATE_FAILED", ""), "3", true},
		"none":              {"No active iSCSI Session for Initiator Endpoint: iqn.2003-01.org.example:a", "", true},
		"nothing":           {"", "", false},
		"no number":         {"LIO Session ID: ", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			session, known := sessionOf(test.info)
			require.Equal(t, test.session, session)
			require.Equal(t, test.known, known)
		})
	}
}

// What an iSCSI initiator held ends with its session, though the kernel tells nobody of that.
func TestALogoutIsTheLossOfTheNexus(t *testing.T) {
	const a, b = "iqn.2003-01.org.example:a", "iqn.2003-01.org.example:b"
	m := newMachine(t)
	m.create("disk", engine)
	soA, soB := m.create("n0", of("disk", a, 1)), m.create("n1", of("disk", b, 1))
	target, err := m.cfg.Root.Export(lio.Export{Fabric: "iscsi", WWN: "iqn.2003-01.org.example:t", LUNs: []lio.StorageObject{soA, soB}})
	require.NoError(t, err)
	tpgs, err := target.TPGs()
	require.NoError(t, err)
	acl, err := tpgs[0].CreateACL(a)
	require.NoError(t, err)
	session := func(text string) {
		require.NoError(t, os.Chmod(acl.Path()+"/info", 0o600))
		require.NoError(t, os.WriteFile(acl.Path()+"/info", []byte(text), 0o600))
	}
	m.said("n0", control.Serving)
	m.said("n1", control.Serving)

	session(info(3, "TARG_SESS_STATE_LOGGED_IN", loggedIn))
	require.True(t, m.send("n0", 0x1e, 0, 0, 0, 1).OK())
	require.Equal(t, scsi.MediumRemovalPrevented, m.send("n1", eject...))
	session(info(3, "TARG_SESS_STATE_LOGGED_IN", inLogout))
	require.True(t, m.send("n1", eject...).OK())
	require.Len(t, m.volume("disk").disk.Load().Nexuses(), 3, "it is there for the next session")

	session(info(4, "TARG_SESS_STATE_LOGGED_IN", loggedIn))
	require.True(t, m.send("n0", 0x16).OK()) // RESERVE (6)
	require.Equal(t, scsi.Conflict, m.send("n1"))
	session(info(5, "TARG_SESS_STATE_LOGGED_IN", loggedIn))
	require.Equal(t, scsi.MediumNotPresent, m.send("n1"), "the initiator has logged in anew")
	require.True(t, m.send("n1", 0x16).OK())
	require.Equal(t, scsi.Conflict, m.send("n0", 0x16))

	// A directory that is being deleted cannot be looked into; here, a pipe that nobody writes to.
	require.NoError(t, os.Remove(acl.Path()+"/info"))
	require.NoError(t, unix.Mkfifo(acl.Path()+"/info", 0o600))
	t.Cleanup(func() { // let go of who waits
		f, err := os.OpenFile(acl.Path()+"/info", os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
	began := time.Now()
	_, known := m.volume("n0").session()
	require.False(t, known)
	require.Less(t, time.Since(began), 5*time.Second)
}

// A loopback target has no sessions: what its initiator holds lasts until the device goes.
func TestANexusWithoutSessions(t *testing.T) {
	m := newMachine(t)
	m.create("disk", engine)
	so := m.create("n0", of("disk", hostA, 1))
	m.said("n0", control.Serving)
	_, known := m.volume("n0").session()
	require.False(t, known, "no LUN is made of it")
	_, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: hostA, LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	_, known = m.volume("n0").session()
	require.False(t, known)
}
