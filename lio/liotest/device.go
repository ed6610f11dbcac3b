package liotest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Write implements lio.Kernel.
func (k *Kernel) Write(path, value string) error {
	parts, err := k.begin("write", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fail("open", path, syscall.ENOENT)
	}
	value = strings.TrimSpace(value)
	switch file := parts[len(parts)-1]; {
	case file == "control":
		err = k.control(filepath.Dir(path), value)
	case file == "enable" && parts[0] == "core":
		err = k.enable(parts, path)
	case file == "vpd_unit_serial":
		k.fill(filepath.Dir(path), map[string]string{file: "T10 VPD Unit Serial Number: " + value})
	case file == "block_dev":
		k.fill(filepath.Dir(path), map[string]string{file: map[string]string{"0": "unblocked", "1": "blocked"}[value]})
	default:
		k.fill(filepath.Dir(path), map[string]string{file: value})
	}
	if err != nil {
		return fail("write", path, err)
	}
	return nil
}

// control takes "key=value,key=value". As the kernel does, it ignores keys that it does not know.
func (k *Kernel) control(dir, value string) error {
	for _, word := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == '\n' }) {
		key, value, _ := strings.Cut(word, "=")
		attr := filepath.Join(dir, "attrib", key)
		if _, err := os.Stat(attr); err != nil {
			continue
		}
		if limit, err := strconv.Atoi(value); key == "max_data_area_mb" && err == nil && limit > 2048 {
			value = "2048" // global_max_data_area_mb
		}
		k.fill(filepath.Dir(attr), map[string]string{key: value})
	}
	return nil
}

func (k *Kernel) enable(parts []string, path string) error {
	dir := filepath.Dir(path)
	if k.read(path) == "1" {
		return syscall.EEXIST
	}
	if hba, ok := strings.CutPrefix(parts[1], "user_"); ok {
		name := fmt.Sprintf("tcm-user/%s/%s/%s", hba, parts[2], k.read(filepath.Join(dir, "attrib/dev_config")))
		k.fill(k.Path("sys/class/uio", fmt.Sprintf("uio%d", k.uios)), map[string]string{"name": name})
		k.uios++
	}
	k.fill(dir, map[string]string{"enable": "1"})
	return nil
}

func (k *Kernel) dropUIO(parts []string) {
	hba, ok := strings.CutPrefix(parts[1], "user_")
	if !ok {
		return
	}
	names, _ := filepath.Glob(k.Path("sys/class/uio/*/name"))
	for _, name := range names {
		if strings.HasPrefix(k.read(name), "tcm-user/"+hba+"/"+parts[2]+"/") {
			os.RemoveAll(filepath.Dir(name))
		}
	}
}

// Symlink implements lio.Kernel.
func (k *Kernel) Symlink(object, path string) error {
	parts, err := k.begin("symlink", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	switch lun := filepath.Dir(path); {
	case len(parts) != 6:
		return fail("symlink", path, syscall.EPERM)
	case k.read(filepath.Join(object, "enable")) != "1":
		return fail("symlink", path, syscall.ENODEV)
	case k.linkIn(lun) != "":
		return fail("symlink", path, syscall.EEXIST)
	}
	// Wherever a link points, the kernel reads it back relative to where the tree is mounted.
	rel := "../../../../../../target" + strings.TrimPrefix(object, k.top())
	if err := os.Symlink(rel, path); err != nil {
		return err
	}
	k.status(object)
	if parts[0] == "loopback" {
		k.plug(parts)
	}
	return nil
}

// Unlink implements lio.Kernel.
func (k *Kernel) Unlink(path string) error {
	parts, err := k.begin("unlink", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	k.status(filepath.Join(k.top(), strings.TrimPrefix(to, "../../../../../../target")))
	if parts[0] == "loopback" {
		k.unplug(parts)
	}
	return nil
}

// status says in info whether any LUN is made of the object.
func (k *Kernel) status(object string) {
	status := "DEACTIVATED"
	if k.links(object) > 0 {
		status = "ACTIVATED"
	}
	k.fill(object, map[string]string{"info": "Status: " + status + "  Max Queue Depth: 0"})
}

// plug makes the SCSI device and the disk that a loopback LUN becomes.
func (k *Kernel) plug(parts []string) {
	disk := "sd" + string(rune('b'+k.disks%25))
	if n := k.disks / 25; n > 0 {
		disk += strconv.Itoa(n)
	}
	k.disks++
	k.fill(k.scsiDevice(parts), map[string]string{
		"type": "0", "state": "running", "block/" + disk + "/": "", fmt.Sprintf("scsi_generic/sg%d/", k.disks): "",
	})
	k.fill(k.scsiDisk(parts), map[string]string{"cache_type": "write back"})
	k.fill(k.Path("dev"), map[string]string{disk: ""})
}

func (k *Kernel) unplug(parts []string) {
	dir := k.scsiDevice(parts)
	disks, _ := os.ReadDir(filepath.Join(dir, "block"))
	for _, d := range disks {
		os.Remove(k.Path("dev", d.Name()))
	}
	os.RemoveAll(dir)
	os.RemoveAll(k.scsiDisk(parts))
}

func (k *Kernel) scsiDevice(parts []string) string {
	return k.Path("sys/bus/scsi/devices", k.scsiAddress(parts))
}

func (k *Kernel) scsiDisk(parts []string) string {
	return k.Path("sys/class/scsi_disk", k.scsiAddress(parts))
}

// scsiAddress is where the LUN that a path leads to is, "H:C:T:L".
func (k *Kernel) scsiAddress(parts []string) string {
	address := k.read(filepath.Join(k.top(), parts[0], parts[1], parts[2], "address"))
	return address + ":" + strings.TrimPrefix(parts[4], "lun_")
}

// links counts the LUNs made of a storage object.
func (k *Kernel) links(object string) int {
	count := 0
	links, _ := filepath.Glob(filepath.Join(k.top(), "*/*/tpgt_*/lun/lun_*/*"))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasSuffix(to, strings.TrimPrefix(object, k.top())) {
			count++
		}
	}
	return count
}

// linkIn names the link in a LUN, empty when there is none.
func (k *Kernel) linkIn(lun string) string {
	list, _ := os.ReadDir(lun)
	for _, e := range list {
		if e.Type()&os.ModeSymlink != 0 {
			return e.Name()
		}
	}
	return ""
}

func (k *Kernel) read(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}
