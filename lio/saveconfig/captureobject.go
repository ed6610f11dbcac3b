package saveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// plugins are the kernel's names of the plugins by rtslib's.
var plugins = map[string]string{"block": "iblock", "fileio": "fileio", "pscsi": "pscsi", "ramdisk": "rd_mcp", "user": "user"}

// pluginName is rtslib's name of a plugin of the kernel; empty when it has none.
func pluginName(kernel string) string {
	for name, k := range plugins {
		if k == kernel {
			return name
		}
	}
	return ""
}

func known(fabric string) bool { return slices.Contains(lio.FabricNames(), fabric) }

func captureObject(so lio.StorageObject) (saved StorageObject, err error) {
	saved = StorageObject{Name: so.Name, Plugin: pluginName(so.Plugin)}
	enabled, err := so.Enabled()
	switch {
	case err != nil:
		return saved, err
	case saved.Plugin == "":
		return saved, fmt.Errorf("%s cannot be saved: its plugin %s is not known: use targetcli for this configuration", so.Path(), so.Plugin)
	case !enabled:
		return saved, fmt.Errorf("%s cannot be saved: it is not enabled: whoever began to make it should end that, or delete it", so.Path())
	}
	if saved.Attributes, err = settings[Setting](so.Attributes()); err != nil {
		return saved, err
	}
	if saved.ALUAGroups, err = captureEach(so.ALUAGroups, captureALUAGroup); err != nil {
		return saved, err
	}
	id, err := so.Identity()
	if err != nil {
		return saved, err
	}
	if saved.Plugin != "pscsi" { // whose serial number is the device's own
		saved.WWN = id.Serial
	}
	if saved.Plugin == "user" {
		return saved, saved.captureUser(so)
	}
	return saved, saved.captureKernel(so)
}

// captureUser adds what a TCMU device has. rtslib gives the control string to the kernel as it is, so that it can also say
// that nobody is to be asked about the device: see lio.User.
func (saved *StorageObject) captureUser(so lio.StorageObject) error {
	var err error
	if saved.Config, err = so.Config(); err != nil {
		return err
	}
	if saved.Size, err = so.Size(); err != nil {
		return err
	}
	sectors, err := so.Attribute("hw_max_sectors")
	if err != nil {
		return err
	}
	if saved.HWMaxSectors, err = strconv.Atoi(sectors); err != nil {
		return fmt.Errorf("%s/attrib/hw_max_sectors: %w", so.Path(), err)
	}
	var control []string
	for _, name := range []string{"max_data_area_mb", "hw_block_size", "data_pages_per_blk", "nl_reply_supported"} {
		v, err := so.Attribute(name)
		unsaid := name == "nl_reply_supported" && v != "-1"
		if errors.Is(err, fs.ErrNotExist) || unsaid {
			continue // an older kernel
		}
		if err != nil {
			return err
		}
		control = append(control, name+"="+v)
	}
	saved.Control = strings.Join(control, ",")
	return nil
}

// captureKernel adds what the kernel's own devices have, most of which only the text for people says.
func (saved *StorageObject) captureKernel(so lio.StorageObject) error {
	info, err := so.Info()
	if err != nil {
		return err
	}
	if saved.Dev, err = so.UdevPath(); err != nil {
		return err
	}
	writeBack := saved.Attributes["emulate_write_cache"] == "1"
	switch saved.Plugin {
	case "ramdisk":
		pages, pageSize, _ := strings.Cut(infoField(info, "PAGES/PAGE_SIZE"), "*")
		saved.NullIO = infoField(info, "nullio") == "1"
		saved.Dev = ""
		saved.Size, err = product(pages, pageSize)
	case "fileio":
		if saved.Dev == "" {
			saved.Dev = infoField(info, "File")
		}
		aio := infoField(info, "Async") == "1"
		saved.AIO, saved.WriteBack = &aio, &writeBack
		saved.Size, err = product(infoField(info, "Size"), "1")
	case "block":
		readOnly := infoField(info, "readonly") == "1"
		saved.ReadOnly, saved.WriteBack = &readOnly, &writeBack
	}
	if err != nil {
		return fmt.Errorf("%s/info cannot be understood: %w", so.Path(), err)
	}
	return nil
}

// infoField is the word that follows "key: " for the last time: what comes before may be a path that anybody has chosen.
func infoField(info, key string) string {
	i := strings.LastIndex(info, key+": ")
	if i < 0 {
		return ""
	}
	word, _, _ := strings.Cut(strings.Join(strings.Fields(info[i+len(key)+2:]), " "), " ")
	return word
}

func product(a, b string) (int64, error) {
	m, errA := strconv.ParseInt(a, 10, 64)
	n, errB := strconv.ParseInt(b, 10, 64)
	return m * n, errors.Join(errA, errB)
}

func captureALUAGroup(g lio.ALUAGroup) (ALUAGroup, error) {
	saved := ALUAGroup{Name: g.Name, Settings: map[string]int{}}
	id, err := g.File(aluaID)
	if err != nil {
		return saved, err
	}
	saved.ID, _ = strconv.Atoi(id) // a group that is just being made has none
	for _, s := range aluaSettings {
		text, err := g.File(s.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return saved, err
		}
		n := slices.Index(s.words, text)
		if n < 0 {
			if n, err = strconv.Atoi(text); err != nil {
				return saved, fmt.Errorf("%s/%s cannot be understood: %w", g.Path(), s.name, err)
			}
		}
		saved.Settings[s.name] = n
	}
	return saved, nil
}
