package liotest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// aluaGroup are the files of a group for asymmetric access.
func aluaGroup(id string) files {
	return files{
		"alua_access_state": "0", "alua_access_status": "None", "alua_access_type": "Implicit and Explicit",
		"alua_support_active_nonoptimized": "1", "alua_support_active_optimized": "1", "alua_support_lba_dependent": readOnly + "0",
		"alua_support_offline": "1", "alua_support_standby": "1", "alua_support_transitioning": "1", "alua_support_unavailable": "1",
		"alua_write_metadata": "0", "implicit_trans_secs": "0", "members": readOnly, "nonop_delay_msecs": "100", "preferred": "0",
		"tg_pt_gp_id": id, "trans_delay_msecs": "0",
	}
}

// aluaWords writes the number of a word, which reads as the word.
func aluaWords(words ...string) func(*Kernel, string, string) error {
	return func(_ *Kernel, path, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n >= len(words) {
			return syscall.EINVAL
		}
		set(path, words[n])
		return nil
	}
}

// setState: a state is set only where implicit access, 1 or 3, allows the kernel to.
func setState(_ *Kernel, path, value string) error {
	access := read(filepath.Join(filepath.Dir(path), "alua_access_type"))
	if access != "Implicit" && access != "Implicit and Explicit" {
		return syscall.EINVAL
	}
	set(path, value)
	return nil
}

// setGroup puts a LUN into a group of its storage object.
func (k *Kernel) setGroup(path, name string) error {
	lun := filepath.Dir(path)
	object, err := os.Readlink(filepath.Join(lun, linkIn(lun)))
	if err != nil {
		return syscall.ENODEV
	}
	id := read(filepath.Join(lun, object, "alua", name, "tg_pt_gp_id"))
	if id == "" {
		return syscall.ENODEV
	}
	k.regroup(lun, filepath.Join(lun, object), name)
	set(path, fmt.Sprintf("TG Port Alias: %s\nTG Port Group ID: %s\nTG Port Primary Access State: Active/Optimized", name, id))
	return nil
}

// regroup makes a LUN a member of one group of a storage object, and of no other; of none where name is empty.
func (k *Kernel) regroup(lun, object, name string) {
	rel, _ := filepath.Rel(k.top(), lun)
	part := strings.Split(rel, "/") // FABRIC/WWN/tpgt_N/lun/lun_N
	if part[0] == "iscsi" {
		part[0] = "iSCSI" // as that module calls itself
	}
	member := strings.Join([]string{part[0], part[1], part[2], part[4]}, "/") + "\n\x00"
	groups, _ := filepath.Glob(filepath.Join(object, "alua/*/members"))
	for _, file := range groups {
		b, _ := os.ReadFile(file)
		members := strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), member, "")
		if filepath.Base(filepath.Dir(file)) == name {
			members += member
		}
		set(file, members)
	}
}
