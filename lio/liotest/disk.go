package liotest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// plug makes the SCSI device and the disk that a LUN becomes, if it is one of loopback and somebody may use it.
func (k *Kernel) plug(lun string) {
	tpg := filepath.Dir(filepath.Dir(lun))
	if !k.isLoopback(lun) || read(filepath.Join(tpg, "nexus")) == "" {
		return
	}
	disk := "sd" + string(rune('b'+k.disks%25))
	if n := k.disks / 25; n > 0 {
		disk += strconv.Itoa(n)
	}
	k.disks++
	k.fill(k.scsiDevice(lun), files{
		"type": "0", "state": "running", "block/" + disk + "/": "", fmt.Sprintf("scsi_generic/sg%d/", k.disks): "",
	})
	k.fill(k.scsiDisk(lun), files{"cache_type": "write back"})
	k.fill(k.Path("dev"), files{disk: ""})
}

func (k *Kernel) unplug(lun string) {
	if !k.isLoopback(lun) {
		return
	}
	dir := k.scsiDevice(lun)
	disks, _ := os.ReadDir(filepath.Join(dir, "block"))
	for _, d := range disks {
		os.Remove(k.Path("dev", d.Name()))
	}
	os.RemoveAll(dir)
	os.RemoveAll(k.scsiDisk(lun))
}

func (k *Kernel) isLoopback(lun string) bool {
	return fabricOf(strings.TrimPrefix(lun, k.top()+"/")) == "loopback"
}

func (k *Kernel) scsiDevice(lun string) string {
	return k.Path("sys/bus/scsi/devices", scsiAddress(lun))
}

func (k *Kernel) scsiDisk(lun string) string {
	return k.Path("sys/class/scsi_disk", scsiAddress(lun))
}

// scsiAddress is where a LUN is, "H:C:T:L".
func scsiAddress(lun string) string {
	address := read(filepath.Join(lun, "../../address"))
	return address + ":" + strings.TrimPrefix(filepath.Base(lun), "lun_")
}
