package saveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
)

// object makes a storage object.
func (r *restoring) object(saved StorageObject) error {
	so, err := r.create(saved)
	if err != nil {
		return err
	}
	r.made = append(r.made, so.Delete)
	r.objects[saved.Path()] = so
	attributes := maps.Clone(saved.Attributes)
	for _, name := range []string{"dev_config", "dev_size", "nl_reply_supported"} {
		delete(attributes, name) // these are what it was made with
	}
	if err := restoreSettings(r, saved.Path()+" attribute", attributes, so.Attribute, so.SetAttribute); err != nil {
		return err
	}
	for _, g := range saved.ALUAGroups {
		if err := r.aluaGroup(so, g); err != nil {
			return err
		}
	}
	return nil
}

// identity is what initiators are to know a storage object by. A pscsi device is known by its own.
func (r *restoring) identity(saved StorageObject) lio.Identity {
	switch {
	case saved.Plugin == "pscsi":
		return lio.Identity{}
	case r.own == nil:
		return lio.Identity{Serial: saved.WWN}
	}
	id := r.own.Identities[saved.Path()]
	return lio.Identity{Vendor: id.Vendor, Product: id.Product, Revision: id.Revision, Serial: saved.WWN}
}

// create makes and enables a storage object as its plugin wants it.
func (r *restoring) create(saved StorageObject) (lio.StorageObject, error) {
	o := lio.KernelObject{Plugin: plugins[saved.Plugin], Name: saved.Name, UdevPath: saved.Dev, Identity: r.identity(saved)}
	switch saved.Plugin {
	case "user":
		config, _ := saved.device()
		if r.options.Ours != nil {
			if udevPath, ours := r.options.Ours(config); ours {
				return r.createOurs(saved, udevPath)
			}
		}
		o.Control = saved.userControl()
	case "ramdisk":
		o.Control = fmt.Sprintf("rd_pages=%d", max(saved.Size/int64(os.Getpagesize()), 1))
		if saved.NullIO {
			o.Control += ",rd_nullio=1"
		}
	case "fileio":
		o.Control = fmt.Sprintf("fd_dev_name=%s,fd_dev_size=%d", saved.Dev, saved.Size)
		if on(saved.WriteBack) {
			o.Control += ",fd_buffered_io=1"
		}
		if on(saved.AIO) {
			o.Control += ",fd_async_io=1"
		}
	case "block":
		o.Control = "udev_path=" + saved.Dev
		if on(saved.ReadOnly) {
			o.Control += ",readonly=1"
		}
	case "pscsi":
		address, err := scsiAddress(r.root, saved.Dev)
		if err != nil {
			return lio.StorageObject{}, err
		}
		o.Control = address
	}
	return r.root.CreateKernelObject(o)
}

func on(flag *bool) bool { return flag != nil && *flag }

// createOurs makes a TCMU device about which nobody is asked.
func (r *restoring) createOurs(saved StorageObject, udevPath string) (lio.StorageObject, error) {
	u := lio.User{Name: saved.Name, HWMaxSectors: saved.HWMaxSectors, UdevPath: udevPath, Identity: r.identity(saved)}
	u.Config, u.Size = saved.device()
	for _, word := range controlWords(saved.Control) {
		n, err := strconv.Atoi(word[1])
		switch {
		case word[0] == "nl_reply_supported":
		case err != nil:
			return lio.StorageObject{}, fmt.Errorf("control %q: %s is not a number", saved.Control, word[0])
		case word[0] == "hw_block_size":
			u.BlockSize = n
		case word[0] == "max_data_area_mb":
			u.MaxDataAreaMB = n
		case word[0] == "data_pages_per_blk":
			u.DataPagesPerBlk = n
		default:
			r.skip("%s control %s", saved.Path(), word[0])
		}
	}
	if v, ok := saved.Attributes["emulate_write_cache"]; ok {
		u.Attributes = map[string]string{"emulate_write_cache": string(v)}
	}
	return r.root.CreateUser(u)
}

// device is the configuration string and the size of a TCMU device. rtslib cuts the string at the first space, and has all
// of it in the attribute, which it writes last.
func (so StorageObject) device() (config string, size int64) {
	config, size = so.Config, so.Size
	if v, ok := so.Attributes["dev_config"]; ok && v != "" {
		config = string(v)
	}
	if n, err := strconv.ParseInt(string(so.Attributes["dev_size"]), 10, 64); err == nil && n > 0 {
		size = n
	}
	return config, size
}

// nexus is the I_T nexus that a TCMU device stands for, if it does.
func (so StorageObject) nexus() (n lio.Nexus, ok bool) {
	config, _ := so.device()
	n, err := lio.ParseNexus(config)
	return n, so.Plugin == "user" && err == nil
}

// nexusesLast orders devices for I_T nexuses after all others.
func nexusesLast(a, b StorageObject) int {
	_, aIs := a.nexus()
	_, bIs := b.nexus()
	switch {
	case aIs == bIs:
		return 0
	case aIs:
		return 1
	}
	return -1
}

func (so StorageObject) userControl() string {
	config, size := so.device()
	words := []string{"dev_config=" + config, fmt.Sprintf("dev_size=%d", size)}
	if so.HWMaxSectors > 0 {
		words = append(words, fmt.Sprintf("hw_max_sectors=%d", so.HWMaxSectors))
	}
	if so.Control != "" {
		words = append(words, so.Control)
	}
	return strings.Join(words, ",")
}

// controlWords takes "a=1,b=2" apart.
func controlWords(control string) [][2]string {
	var words [][2]string
	for _, word := range strings.FieldsFunc(control, func(c rune) bool { return c == ',' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		words = append(words, [2]string{name, value})
	}
	return words
}

// scsiAddress is what pscsi is told of a SCSI device of this host, which is a node of /dev or "H:C:T:L".
func scsiAddress(root lio.Root, dev string) (string, error) {
	address := dev
	if strings.HasPrefix(dev, "/") {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join("/", root.Dir, dev), &st); err != nil {
			return "", &fs.PathError{Op: "stat", Path: dev, Err: err}
		}
		kind := map[uint32]string{unix.S_IFBLK: "block", unix.S_IFCHR: "char"}[st.Mode&unix.S_IFMT]
		number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
		to, err := os.Readlink(filepath.Join("/", root.Dir, "sys/dev", kind, number, "device"))
		if err != nil {
			return "", fmt.Errorf("%s is no SCSI device: %w", dev, err)
		}
		address = filepath.Base(to)
	}
	var host, channel, target, lun int
	if _, err := fmt.Sscanf(address, "%d:%d:%d:%d", &host, &channel, &target, &lun); err != nil {
		return "", fmt.Errorf("%s is no SCSI device", dev)
	}
	return fmt.Sprintf("scsi_host_id=%d,scsi_channel_id=%d,scsi_target_id=%d,scsi_lun_id=%d", host, channel, target, lun), nil
}

// aluaGroup makes a group of a storage object, unless it is the kernel's own, and sets it.
func (r *restoring) aluaGroup(so lio.StorageObject, saved ALUAGroup) error {
	g := so.ALUAGroup(saved.Name)
	if !g.Exists() {
		if saved.Name == lio.DefaultALUAGroup {
			r.skip("%s alua_tpgs %s", pathOf(so), saved.Name)
			return nil
		}
		if _, err := so.CreateALUAGroup(saved.Name, saved.ID); err != nil {
			return err
		}
	}
	for _, s := range aluaSettings {
		value, given := saved.Settings[s.name]
		if !given {
			continue
		}
		get := func(name string) (string, error) {
			text, err := g.File(name)
			if n := slices.Index(s.words, text); n >= 0 {
				text = strconv.Itoa(n)
			}
			return text, err
		}
		one := map[string]string{s.name: strconv.Itoa(value)}
		if err := restoreSettings(r, pathOf(so)+" "+saved.Name, one, get, g.SetFile); err != nil {
			return err
		}
	}
	return nil
}

// restoreSettings sets those of an object's settings that have another value. Those that this kernel does not have are
// skipped.
func restoreSettings[T ~string](r *restoring, of string, saved map[string]T, get func(string) (string, error), set func(name, value string) error) error {
	for _, name := range slices.Sorted(maps.Keys(saved)) {
		value, err := get(name)
		if errors.Is(err, fs.ErrNotExist) {
			r.skip("%s %s", of, name)
			continue
		}
		if err != nil {
			return err
		}
		if value == string(saved[name]) {
			continue
		}
		if err := set(name, string(saved[name])); err != nil {
			return err
		}
	}
	return nil
}
