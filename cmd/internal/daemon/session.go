package daemon

import (
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// session is the iSCSI session that the nexus' initiator has with its target port, for scsi.Nexus.Watch. The kernel tells
// nobody that one has ended, but its configfs shows it: and a logout before the initiator has its answer, so that nobody
// need wait for one to take effect.
func (v *volume) session() (name string, known bool) {
	l, ok := v.lun()
	if !ok || !l.TPG.Target.Fabric.Has(lio.ACLs) {
		return "", false
	}
	text, err := l.TPG.ACL(v.nexus.Initiator).Session()
	if err != nil {
		return "", false
	}
	return sessionOf(text)
}

// sessionOf finds the session in the kernel's words on it:
//
//	LIO Session ID: 3   ISID: 0x80 12 34 56 00 00  TSIH: 3  SessionType: Normal
//	Session State: TARG_SESS_STATE_LOGGED_IN
//	...
//	CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN
//
// One that has logged out has connections IN_LOGOUT, then none, and then is FREE or gone. One that has lost its connection
// is FAILED, and lasts until the kernel gives it up.
func sessionOf(info string) (name string, known bool) {
	if strings.HasPrefix(info, "No active") {
		return "", true
	}
	_, after, ok := strings.Cut(info, "LIO Session ID: ")
	id, _, _ := strings.Cut(after, " ")
	if !ok || id == "" {
		return "", false
	}
	failed := strings.Contains(info, "TARG_SESS_STATE_FAILED") || strings.Contains(info, "TARG_SESS_STATE_IN_CONTINUE")
	connections := strings.Count(info, "TARG_CONN_STATE_") - strings.Count(info, "TARG_CONN_STATE_IN_LOGOUT")
	if !failed && connections == 0 {
		return "", true
	}
	return id, true
}

// lun is the LUN that is made of the volume's device, if any is. To find it takes a look at all there are; so where it was
// last is looked at first.
func (v *volume) lun() (lio.LUN, bool) {
	if l := v.nexus.lun.Load(); l != nil {
		if so, err := l.StorageObject(); err == nil && so == v.so {
			return *l, true
		}
	}
	luns, err := v.so.LUNs()
	if err != nil || len(luns) == 0 {
		return lio.LUN{}, false
	}
	v.nexus.lun.Store(&luns[0])
	return luns[0], true
}
