package main

import (
	"cmp"
	"maps"
	"strings"
)

// objectStatus tells how a storage object is, in targetcli's words.
func objectStatus(at *node) (status, error) {
	o := at.object.(object)
	activated, err := at.session.exported(o)
	if err != nil {
		return status{}, err
	}
	state := "deactivated"
	if activated {
		state = "activated"
	}
	st := status{properties: map[string]any{"activated": activated, "plugin": o.Plugin, "hba": o.HBA}}
	if o.Plugin != "user" {
		behind, err := o.UdevPath()
		st.summary = strings.TrimSpace(behind + " " + state)
		return st, err
	}
	dev, err := readDevice(o)
	if err != nil {
		return status{}, err
	}
	words := dev.words()
	if o.engine() {
		words = append(words, "reservations=engine")
	}
	st.summary = strings.Join(append(words, state), " ")
	maps.Copy(st.properties, dev.properties())
	if o.config.Kind != "" {
		st.properties["reservations"], _ = o.config.Options.Get("reservations")
	}
	return st, nil
}

// userDevice is what there is to say of a TCMU device.
type userDevice struct {
	object
	size   int64
	text   string // configuration string
	wwn    string
	cache  string // emulate_write_cache
	behind string // file or device
}

func readDevice(o object) (d userDevice, err error) {
	d.object = o
	if d.size, err = o.Size(); err != nil {
		return d, err
	}
	if d.text, err = o.Config(); err != nil {
		return d, err
	}
	id, err := o.Identity()
	if err != nil {
		return d, err
	}
	d.wwn = id.Serial
	if d.behind, err = o.UdevPath(); err != nil {
		return d, err
	}
	d.behind = cmp.Or(d.behind, o.config.Path)
	d.cache, err = o.Attribute("emulate_write_cache")
	return d, err
}

// words are those of the summary, but for the last: what is behind the device, its size, and how it is written.
func (d userDevice) words() []string {
	size := "(" + humanSize(d.size) + ")"
	mode := map[bool]string{true: "write-back", false: "write-thru"}[d.cache == "1"]
	switch d.sort {
	case "ramdisk", "null":
		return []string{size}
	case "fileio":
		return []string{d.behind, size, mode}
	case "block":
		if d.config.Options.ReadOnly {
			mode = "ro " + mode
		}
		return []string{d.behind, size, mode}
	case "pscsi":
		return []string{d.behind}
	case nexusSort:
		return []string{nexusWords(d.nexus) + ", of " + d.nexus.Of}
	}
	if _, rest, ok := strings.Cut(d.text, "/"); ok {
		return []string{rest, size}
	}
	return []string{size}
}

func (d userDevice) properties() map[string]any {
	return map[string]any{"size": d.size, "config": d.text, "write_back": d.cache == "1", "wwn": d.wwn}
}
