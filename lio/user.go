package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// User says what a TCMU device is to be: a storage object that a daemon in userspace serves.
type User struct {
	Name   string // letters, digits, dots, underscores and dashes, at most 127
	Config string // configuration string (dev_config): "HANDLER/whatever the handler makes of it", at most 255 bytes
	Size   int64  // bytes; a multiple of BlockSize

	BlockSize       int // bytes, a power of two from 512 on; 0: 512
	HWMaxSectors    int // longest transfer in blocks, for the daemon's VPD page B0h; 0: the kernel's 128
	MaxDataAreaMB   int // the ring's data area in MiB; 0: the kernel's 1024
	DataPagesPerBlk int // pages in each block of the data area; 0: the kernel's 1
	CmdRingSizeMB   int // the ring of commands in MiB; 0: 1, or the 8 of a kernel that offers no choice (before 5.18)

	Identity Identity // an empty Serial becomes a random UUID; other empty fields stay the kernel's
	UdevPath string   // file or device behind it, for display by targetcli, which also refuses to use it twice

	// Attributes are written before the device is enabled. Some, as emulate_write_cache, would later need a daemon
	// that listens; cmd_time_out is refused once there are LUNs.
	Attributes map[string]string
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$`)

// Check reports what of u the kernel or its tools could not carry. CreateUser checks it again.
func (u User) Check() error {
	bs := u.BlockSize
	if bs == 0 {
		bs = 512
	}
	switch {
	case !nameRule.MatchString(u.Name):
		return fmt.Errorf("%q cannot be the name of a storage object: use letters, digits, '.', '_' and '-', at most 127, the first a letter or digit", u.Name)
	case bs < 512 || bs > 1<<16 || bs&(bs-1) != 0:
		return fmt.Errorf("block size %d: use a power of two from 512 on", bs)
	case u.Size <= 0 || u.Size%int64(bs) != 0:
		return fmt.Errorf("size %d: use a positive multiple of the block size, %d", u.Size, bs)
	case u.HWMaxSectors < 0 || u.MaxDataAreaMB < 0 || u.DataPagesPerBlk < 0 || u.CmdRingSizeMB < 0:
		return errors.New("negative limits: use 0 for the kernel's own")
	}
	return errors.Join(checkConfig(u.Config), u.Identity.Check())
}

func checkConfig(config string) error {
	switch {
	case !strings.Contains(config, "/"):
		return fmt.Errorf("configuration %q has no '/' between the handler and the rest", config)
	case strings.ContainsAny(config, ",:\n\x00"):
		return fmt.Errorf("configuration %q: the kernel and its tools cannot carry commas, colons and line ends in it", config)
	case len(config) > 255:
		return fmt.Errorf("configuration is %d bytes, the kernel takes 255", len(config))
	}
	return nil
}

// settings are what goes into the control file, by names that the attributes have too.
func (u User) settings() [][2]string {
	s := [][2]string{
		{"dev_config", u.Config},
		{"dev_size", strconv.FormatInt(u.Size, 10)},
		{"hw_block_size", strconv.Itoa(u.BlockSize)},
		// Nobody is asked at enable and removal. With replies on, a daemon that died, or another program's daemon,
		// would hang or refuse both.
		{"nl_reply_supported", "-1"},
	}
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"hw_max_sectors", u.HWMaxSectors},
		{"max_data_area_mb", u.MaxDataAreaMB},
		{"data_pages_per_blk", u.DataPagesPerBlk},
		{"cmd_ring_size_mb", u.CmdRingSizeMB},
	} {
		if limit.value > 0 {
			s = append(s, [2]string{limit.name, strconv.Itoa(limit.value)})
		}
	}
	return s
}

// smallRing is asked for where nobody says more. The ring is memory from the start, unlike the data area, and the kernel's
// 8 MiB for each of five hundred devices are 4 GiB; 1 MiB holds some hundred commands of 1 MiB in single pages, and no
// fabric sends more at once. A kernel that does not know the word ignores it.
const smallRing = "cmd_ring_size_mb=1"

// CreateUser makes a TCMU device and enables it; the kernel then announces it to whoever serves such devices. The error
// is an *ExistsError when there is one of that name. After an error nothing is left of it.
func (r Root) CreateUser(u User) (StorageObject, error) {
	if u.BlockSize == 0 {
		u.BlockSize = 512
	}
	if err := u.Check(); err != nil {
		return StorageObject{}, err
	}
	if err := r.load(userModule); err != nil {
		return StorageObject{}, err
	}
	so, err := r.reserve("user", u.Name)
	if err != nil {
		return so, differs(err, func() (string, error) { return so.differs(u) })
	}
	if u.Identity.Serial == "" {
		u.Identity.Serial = uuid()
	}
	if err := so.configure(u); err != nil {
		return StorageObject{}, errors.Join(fmt.Errorf("create %s: %w", u.Name, err), so.remove())
	}
	return so, nil
}

// differs says how a device is not the one asked for. What u leaves to the kernel may be anything.
func (s StorageObject) differs(u User) (string, error) {
	if enabled, err := s.Enabled(); err != nil || !enabled {
		return "is not enabled", err
	}
	want := map[string]string{}
	for _, kv := range u.settings() {
		want["attrib/"+kv[0]] = kv[1]
	}
	for name, value := range u.Attributes {
		want["attrib/"+name] = value
	}
	if u.UdevPath != "" {
		want["udev_path"] = u.UdevPath
	}
	for _, file := range slices.Sorted(maps.Keys(want)) {
		if got, err := s.read(file); err != nil || got != want[file] {
			return fmt.Sprintf("has %s=%s, not %s", filepath.Base(file), got, want[file]), err
		}
	}
	id, err := s.Identity()
	if err != nil {
		return "", err
	}
	for i, v := range u.Identity.fields() {
		if got := *id.fields()[i]; *v != "" && *v != got {
			return fmt.Sprintf("has %s=%q, not %q", identityFiles[i].file, got, *v), nil
		}
	}
	return "", nil
}

// reserve makes the directories of a storage object, below an HBA whose number no other has. If there is an object of
// that name, that is returned with an *ExistsError.
func (r Root) reserve(plugin, name string) (StorageObject, error) {
	unlock, err := r.lock()
	if err != nil {
		return StorageObject{}, err
	}
	defer unlock()
	return r.place(plugin, name)
}

// place is reserve for whoever holds the lock.
func (r Root) place(plugin, name string) (StorageObject, error) {
	core := r.target().child("core")
	hbas, err := core.dirs()
	if err != nil {
		return StorageObject{}, err
	}
	taken := map[int]bool{}
	for _, hba := range hbas {
		p, number, ok := parseHBA(hba)
		if !ok {
			continue
		}
		taken[number] = true
		if p != plugin || !exists(core.path+"/"+hba+"/"+name) {
			continue
		}
		so := r.storageObject(p, number, name)
		return so, &ExistsError{What: "storage object " + name, Path: so.path, Remedy: "choose another name, or delete that one first"}
	}
	number := 0
	for taken[number] {
		number++
	}
	so := r.storageObject(plugin, number, name)
	hba := so.child("..")
	if err := hba.mkdir(); err != nil {
		return StorageObject{}, err
	}
	if err := so.mkdir(); err != nil {
		return StorageObject{}, errors.Join(err, hba.rmdir())
	}
	return so, nil
}

// configure writes all there is to say of the device and enables it. Identity and attributes come before that, so that
// they are there when the daemon hears of it.
func (s StorageObject) configure(u User) error {
	settings := u.settings()
	var words []string
	for _, kv := range settings {
		words = append(words, kv[0]+"="+kv[1])
	}
	if u.CmdRingSizeMB == 0 {
		words = append(words, smallRing)
	}
	if err := s.write("control", strings.Join(words, ",")); err != nil {
		return err
	}
	for _, kv := range settings {
		if err := s.verify(kv[0], kv[1]); err != nil {
			return err
		}
	}
	if err := s.SetIdentity(u.Identity); err != nil {
		return err
	}
	if u.UdevPath != "" {
		if err := s.write("udev_path", u.UdevPath); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		if err := s.SetAttribute(name, u.Attributes[name]); err != nil {
			return err
		}
	}
	return s.write("enable", "1")
}

// verify reads a setting back: the control file swallows keys it does not know and bends values it does not like.
func (s StorageObject) verify(name, want string) error {
	got, err := s.Attribute(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this kernel does not know %s: leave it out", name)
	}
	if err == nil && got != want {
		err = fmt.Errorf("%s=%s: the kernel made it %s", name, want, got)
	}
	return err
}
