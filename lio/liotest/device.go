package liotest

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// plugins are the kernel's back ends.
var plugins = []string{"user", "fileio", "iblock", "pscsi", "rd_mcp"}

// words are what a storage object's control file has been told.
type words map[string]string

func hbaContent(_ *Kernel, rel string) (files, syscall.Errno) {
	for _, plugin := range plugins {
		if number(rel, plugin+"_") >= 0 {
			return files{"hba_info": readOnly + "HBA Index: 1 plugin: " + plugin + " version: v5.0", "hba_mode": "0"}, 0
		}
	}
	return nil, syscall.EINVAL
}

// noHolder is what files of pr/ say while nothing is reserved.
const noHolder = "No SPC-3 Reservation holder"

// kept are files of pr/ that say whether the kernel keeps reservations, as they are when it does.
var kept = map[string]string{
	"res_type": "SPC3_PERSISTENT_RESERVATIONS", "res_holder": noHolder, "res_aptpl_active": "APTPL Bit Status: Disabled",
}

// deviceContent is a new storage object, with the defaults of Linux 6.1.
func deviceContent(k *Kernel, rel string) (files, syscall.Errno) {
	f := files{
		"alias": "", "alua_lu_gp": "", "control": "", "enable": "0", "lba_map": "", "udev_path": "",
		"info": readOnly, "statistics/": "",
		"wwn/company_id": "0x001405", "wwn/vendor_id": "LIO-ORG", "wwn/product_id": "", "wwn/revision": "",
		"wwn/vpd_unit_serial": "T10 VPD Unit Serial Number: ",
		"pr/res_type":         readOnly + "SPC3_PERSISTENT_RESERVATIONS", "pr/res_aptpl_metadata": "",
		"pr/res_holder": readOnly + noHolder, "pr/res_pr_all_tgt_pts": readOnly + noHolder,
		"pr/res_pr_holder_tg_port": readOnly + noHolder, "pr/res_pr_type": readOnly + noHolder,
		"pr/res_pr_generation": readOnly + "0x00000000", "pr/res_pr_registered_i_pts": readOnly + "SPC-3 PR Registrations:\nNone",
		"pr/res_aptpl_active": readOnly + "APTPL Bit Status: Disabled",
	}
	for file, text := range kept {
		f["pr/"+file] = readOnly + text
	}
	f.and("alua/default_tg_pt_gp/", aluaGroup("0"))
	if isUser(rel) {
		return f.and("attrib/", userAttributes.files()).
			and("action/", files{"block_dev": "unblocked", "reset_ring": "", "free_kept_buf": ""}), 0
	}
	k.words[filepath.Join(k.top(), rel)] = words{}
	return f.and("attrib/", kernelAttributes.files()).and("", files{"action/": ""}), 0
}

func isUser(rel string) bool { return strings.Contains("/"+rel, "/user_") }

// control takes "key=value,key=value". As the kernel does, it ignores keys that it does not know.
func (k *Kernel) control(path, value string) error {
	dir := filepath.Dir(path)
	for _, word := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == '\n' }) {
		key, value, _ := strings.Cut(word, "=")
		if told := k.words[dir]; told != nil {
			told[key] = value
			continue
		}
		attr := filepath.Join(dir, "attrib", key)
		if _, err := os.Stat(attr); err != nil {
			continue
		}
		if limit, err := strconv.Atoi(value); key == "max_data_area_mb" && err == nil && limit > 2048 {
			value = "2048" // global_max_data_area_mb
		}
		set(attr, value)
	}
	k.status(dir)
	return nil
}

func (k *Kernel) enable(path, value string) error {
	dir := filepath.Dir(path)
	switch {
	case value != "1":
		return syscall.EINVAL
	case read(path) == "1":
		return syscall.EEXIST
	}
	if isUser(dir) {
		k.uio[dir] = k.Path("sys/class/uio", fmt.Sprintf("uio%d", k.uios))
		k.uios++
		k.nameUIO(dir)
	}
	set(path, "1")
	k.status(dir)
	return nil
}

// nameUIO names the uio device of a storage object.
func (k *Kernel) nameUIO(dir string) {
	hba := number(filepath.Dir(dir), "user_")
	name := fmt.Sprintf("tcm-user/%d/%s/%s", hba, filepath.Base(dir), read(filepath.Join(dir, "attrib/dev_config")))
	k.fill(k.uio[dir], files{"name": name})
}

func (k *Kernel) dropDevice(rel string) {
	dir := filepath.Join(k.top(), rel)
	if uio := k.uio[dir]; uio != "" {
		os.RemoveAll(uio)
	}
	delete(k.uio, dir)
	delete(k.words, dir)
}

// told are the attributes of which the kernel tells the daemon before it changes them.
var told = []string{"dev_config", "dev_size", "emulate_write_cache"}

func (k *Kernel) setAttribute(path, value string) error {
	dir, name := filepath.Dir(filepath.Dir(path)), filepath.Base(path)
	table := kernelAttributes
	if isUser(dir) {
		table = userAttributes
	}
	enabled := isUser(dir) && read(filepath.Join(dir, "enable")) == "1"
	switch {
	case slices.Contains([]string{"cmd_time_out", "force_pr_aptpl"}, name) && k.links[dir] > 0:
		return syscall.EINVAL
	case slices.Contains(told, name) && enabled && k.NobodyListens:
		return syscall.ESRCH
	}
	if err := takingSetting(table)(k, path, value); err != nil {
		return err
	}
	if name == "dev_config" && enabled {
		k.nameUIO(dir)
	}
	if name == "pgr_support" {
		setKeeper(dir, value == "1")
	}
	k.status(dir)
	return nil
}

// setKeeper says in pr/ whether the kernel keeps reservations of a storage object.
func setKeeper(dir string, kernel bool) {
	says := map[string]string{"res_type": "SPC_PASSTHROUGH", "res_holder": "Passthrough", "res_aptpl_active": ""}
	if kernel {
		says = kept
	}
	for file, text := range says {
		set(filepath.Join(dir, "pr", file), readOnly+text)
	}
}

func (k *Kernel) setIdentity(path, value string) error {
	if k.links[filepath.Dir(filepath.Dir(path))] > 0 {
		return syscall.EINVAL
	}
	if filepath.Base(path) == "vpd_unit_serial" {
		value = "T10 VPD Unit Serial Number: " + value
	}
	set(path, value)
	return nil
}

// status writes info: whether any LUN is made of the object, and what the back end tells.
func (k *Kernel) status(dir string) {
	status := "DEACTIVATED"
	if k.links[dir] > 0 {
		status = "ACTIVATED"
	}
	attr := func(name string) string { return read(filepath.Join(dir, "attrib", name)) }
	told := maps.Clone(k.words[dir])
	plugin := path.Base(filepath.Dir(dir))
	more := ""
	switch plugin[:strings.LastIndexByte(plugin, '_')] {
	case "user":
		more = fmt.Sprintf("Config: %s Size: %s MaxDataAreaMB: %s DataPagesPerBlk: %s CmdRingSizeMB: %s", attr("dev_config"),
			attr("dev_size"), attr("max_data_area_mb"), attr("data_pages_per_blk"), attr("cmd_ring_size_mb"))
	case "fileio":
		more = fmt.Sprintf("TCM FILEIO ID: 0        File: %s  Size: %s  Mode: O_DSYNC Async: %s", told["fd_dev_name"], told["fd_dev_size"], flag(told["fd_async_io"]))
	case "rd_mcp":
		more = fmt.Sprintf("TCM RamDisk ID: 0  RamDisk Makeup: rd_mcp\n        PAGES/PAGE_SIZE: %s*4096  SG_table_count: 1  nullio: %s dummy: 0", told["rd_pages"], flag(told["rd_nullio"]))
	case "iblock":
		more = fmt.Sprintf("iBlock device: %s  UDEV PATH: %s  readonly: %s\n        Major: 254 Minor: 32  CLAIMED: IBLOCK",
			path.Base(told["udev_path"]), told["udev_path"], flag(told["readonly"]))
	}
	set(filepath.Join(dir, "info"), fmt.Sprintf("%sStatus: %s  Max Queue Depth: 0  SectorSize: %s  HwMaxSectors: %s\n        %s",
		readOnly, status, attr("hw_block_size"), attr("hw_max_sectors"), more))
}

// flag is how info shows a flag that the control file has been told or not.
func flag(told string) string {
	if told == "1" {
		return "1"
	}
	return "0"
}
