package main

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// needed are the capabilities that serving takes. The service has no others (CapabilityBoundingSet of tcmud.service).
var needed = []cap.Value{
	cap.DAC_OVERRIDE,    // disks may lie in files of anyone
	cap.DAC_READ_SEARCH, // and in folders of anyone
	cap.NET_ADMIN,       // TCMU's netlink family
	cap.SYS_RAWIO,       // what is passed to a SCSI device, some of which the kernel thinks dangerous
}

// dropPrivileges leaves the process, in all its threads and in whatever it becomes, the needed capabilities, as far as it has
// them, and no way to others: what an initiator finds a way to do with us ends there. It is for when all is open that takes
// more.
func dropPrivileges() error {
	has, keep := cap.GetProc(), cap.NewSet()
	var others []cap.Value
	for c := range cap.MaxBits() {
		if !slices.Contains(needed, c) {
			others = append(others, c)
			continue
		}
		if ours, err := has.GetFlag(cap.Permitted, c); err != nil || !ours {
			continue
		}
		if err := errors.Join(keep.SetFlag(cap.Permitted, true, c), keep.SetFlag(cap.Effective, true, c)); err != nil {
			return err
		}
	}
	if able, err := has.GetFlag(cap.Effective, cap.SETPCAP); err == nil && able { // who has it not, has had that done
		if err := cap.DropBound(others...); err != nil {
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	if err := errors.Join(cap.ResetAmbient(), keep.SetProc()); err != nil {
		return err
	}
	_, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1)
	return err
}
