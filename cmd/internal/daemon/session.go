package daemon

import (
	"strings"
	"time"

	"github.com/tcmud/tcmud/lio"
)

// sessionTime is how long session may keep a command waiting.
const sessionTime = 200 * time.Millisecond

// session is the iSCSI session that the nexus' initiator has with its target port, for scsi.Nexus.Watch. The kernel tells
// nobody that one has ended, but its configfs shows it: and a logout before the initiator has its answer, so that nobody
// need wait for one to take effect. But while a directory there is made or deleted nobody can look into it, and that may
// wait for the very command that asks.
func (v *volume) session() (name string, known bool) {
	type answer struct {
		name  string
		known bool
	}
	answers := make(chan answer, 1)
	go func() {
		name, known := v.findSession()
		answers <- answer{name, known}
	}()
	select {
	case a := <-answers:
		return a.name, a.known
	case <-time.After(sessionTime):
		return "", false
	}
}

// findSession is session without a limit of time.
func (v *volume) findSession() (name string, known bool) {
	l, ok := v.findLUN()
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

// findLUN is the LUN that is made of the volume's device, if any is. To find it takes a look at all there are; so where it
// was last is looked at first.
func (v *volume) findLUN() (lio.LUN, bool) {
	if l := v.nexus.lun.Load(); l != nil {
		if so, err := l.StorageObject(); err == nil && so == v.so {
			return *l, true
		}
	}
	luns, err := v.so.LUNs()
	if err != nil || len(luns) == 0 {
		v.nexus.lun.Store(nil)
		return lio.LUN{}, false
	}
	v.nexus.lun.Store(&luns[0])
	return luns[0], true
}

// lookTime is how long what is known of a LUN is good for.
const lookTime = time.Second

// lastLUN is what findLUN has found last, if anything, for those that carry out commands: they cannot look themselves. While
// a LUN is made or deleted the kernel lets nobody look into its directory, and waits for commands: in loopback, a LUN that
// is made is asked who it is.
func (v *volume) lastLUN() *lio.LUN {
	n := v.nexus
	if n.looking.CompareAndSwap(false, true) {
		go func() {
			v.findLUN()
			time.Sleep(lookTime)
			n.looking.Store(false)
		}()
	}
	return n.lun.Load()
}
