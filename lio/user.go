package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
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
	case !strings.Contains(u.Config, "/"):
		return fmt.Errorf("configuration %q has no '/' between the handler and the rest", u.Config)
	case strings.ContainsAny(u.Config, ",:\n\x00"):
		return fmt.Errorf("configuration %q: the kernel and its tools cannot carry commas, colons and line ends in it", u.Config)
	case len(u.Config) > 255:
		return fmt.Errorf("configuration is %d bytes, the kernel takes 255", len(u.Config))
	case bs < 512 || bs > 1<<16 || bs&(bs-1) != 0:
		return fmt.Errorf("block size %d: use a power of two from 512 on", bs)
	case u.Size <= 0 || u.Size%int64(bs) != 0:
		return fmt.Errorf("size %d: use a positive multiple of the block size, %d", u.Size, bs)
	case u.HWMaxSectors < 0 || u.MaxDataAreaMB < 0 || u.DataPagesPerBlk < 0:
		return errors.New("negative limits: use 0 for the kernel's own")
	}
	return u.Identity.Check()
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
	} {
		if limit.value > 0 {
			s = append(s, [2]string{limit.name, strconv.Itoa(limit.value)})
		}
	}
	return s
}

// CreateUser makes a TCMU device and enables it; the kernel then announces it to whoever serves such devices. The error
// wraps fs.ErrExist when there is one of that name. After an error nothing is left of it.
func (r Root) CreateUser(u User) (so StorageObject, err error) {
	if u.BlockSize == 0 {
		u.BlockSize = 512
	}
	if u.Identity.Serial == "" {
		u.Identity.Serial = uuid()
	}
	if err := u.Check(); err != nil {
		return StorageObject{}, err
	}
	if err := r.load(userModule); err != nil {
		return StorageObject{}, err
	}
	so, err = r.reserve("user", u.Name)
	if err != nil {
		return StorageObject{}, err
	}
	if err := so.configure(u); err != nil {
		return StorageObject{}, errors.Join(fmt.Errorf("create %s: %w", u.Name, err), so.remove())
	}
	return so, nil
}

// reserve makes the directories of a storage object, below an HBA whose number no other has.
func (r Root) reserve(plugin, name string) (StorageObject, error) {
	unlock, err := r.lock()
	if err != nil {
		return StorageObject{}, err
	}
	defer unlock()
	hbas, err := r.target().child("core").dirs()
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
		if so := r.storageObject(p, number, name); p == plugin && so.Exists() {
			return StorageObject{}, fmt.Errorf("storage object %s exists (%s): choose another name, or delete that one first: %w", name, so.path, fs.ErrExist)
		}
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
	names := make([]string, 0, len(u.Attributes))
	for name := range u.Attributes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
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
