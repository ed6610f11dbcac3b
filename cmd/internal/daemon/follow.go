package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/tcmu"
)

// follow follows a change of an attribute of the device. The kernel asks nobody: it has the new value already, and all we
// can do about one that cannot be followed is to say so. A change that is no change does nothing: rtslib writes all
// attributes again when it restores a configuration. Events come one at a time.
func (v *volume) follow(e tcmu.Event) {
	v.following.Lock()
	defer v.following.Unlock()
	v.followLocked(e)
}

func (v *volume) followLocked(e tcmu.Event) {
	v.d.mu.Lock()
	state := v.state
	v.d.mu.Unlock()
	switch {
	case state == control.Attaching:
		v.pending = append(v.pending, e)
	case state == control.Serving:
		v.amend(e)
	case state == control.Failed && e.Kind == tcmu.ConfigChanged: // perhaps the cure
		v.d.again(v, e.Config)
	}
}

// attached ends the state Attaching, and follows what has changed meanwhile.
func (v *volume) attached(s control.State, why error) {
	v.following.Lock()
	defer v.following.Unlock()
	v.enter(s, why)
	v.settle()
	for _, e := range v.pending {
		v.followLocked(e)
	}
	v.pending = nil
}

// amend follows a change of a device that is served, and says how that went. The caller holds following.
func (v *volume) amend(e tcmu.Event) {
	err := v.change(e)
	if err != nil {
		v.log.Error("a change is not followed", "what", e.Kind, "err", err)
	}
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	if v.state == control.Serving {
		v.failure = err
		v.d.announce()
	}
}

func (v *volume) change(e tcmu.Event) error {
	disk := v.disk.Load()
	switch {
	case e.Kind == tcmu.ConfigChanged:
		return v.setConfig(disk, oneLine(e.Config))
	case disk == nil: // the device that commands are passed to decides, and asks nobody; or the backstore of the nexus
		return nil
	case e.Kind == tcmu.SizeChanged:
		return v.resize(disk, int64(e.Size))
	case e.Kind == tcmu.WriteCacheChanged && v.caches(e.WriteCache) != disk.WriteCache():
		return disk.SetWriteCache(!disk.WriteCache())
	}
	return nil
}

// oneLine is a configuration string without the line end that the echo of a shell has written with it.
func oneLine(config string) string { return strings.TrimRight(config, "\n") }

func (v *volume) resize(disk *sbc.Disk, size int64) error {
	before := v.size()
	if err := disk.Resize(size); err != nil {
		return fmt.Errorf("dev_size %d, in use are %d bytes: %w", size, before, err)
	}
	if before != size {
		v.log.Info("the size has changed", "from", before, "to", size)
	}
	return nil
}

// setConfig follows a new configuration string. As long as no LUN is made of the device nobody minds if it is attached
// anew, whatever has changed; then only those options change that initiators can be told of.
func (v *volume) setConfig(disk *sbc.Disk, text string) error {
	v.d.mu.Lock()
	before := v.config
	v.d.mu.Unlock()
	if text == before {
		return nil
	}
	if err := checkConfig(text); err != nil {
		return err
	}
	options, err := v.sameStore(before, text)
	if err != nil {
		if used, usedErr := v.used(); used || usedErr != nil {
			return errors.Join(err, usedErr)
		}
		if err := v.returnReservations(before, text); err != nil {
			return err
		}
		v.d.again(v, text)
		return nil
	}
	disk.SetAttributes(attributes(options))
	v.d.mu.Lock()
	v.config = text
	v.d.mu.Unlock()
	v.log.Info("the options have changed", "config", text)
	return nil
}

// sameStore are the options of a new configuration string. The error says why it is not one that a disk in use can follow.
func (v *volume) sameStore(before, text string) (backend.Options, error) {
	if lio.IsNexus(before) && lio.IsNexus(text) {
		return backend.Options{}, fmt.Errorf("%s: a device in use stays that of its I_T nexus, %s: delete its LUN first", text, before)
	}
	old, err1 := parseConfig(before)
	now, err2 := parseConfig(text)
	if err1 != nil || err2 != nil || now.Kind != old.Kind || now.Path != old.Path || v.disk.Load() == nil {
		return backend.Options{}, fmt.Errorf("%s: a device in use keeps its store, %s: delete its LUNs first", text, before)
	}
	return now.Options, old.Options.CheckChange(now.Options)
}

// checkConfig reports what is wrong with a configuration string of a device of ours.
func checkConfig(config string) error {
	if lio.IsNexus(config) {
		_, err := lio.ParseNexus(config)
		return err
	}
	_, err := parseConfig(config)
	return err
}

// used reports whether a LUN is made of the device, or of one that stands for a nexus of its unit.
func (v *volume) used() (bool, error) {
	for _, one := range append(v.members(), v) {
		if used, err := one.so.Activated(); used || err != nil {
			return used, err
		}
	}
	return false, nil
}

// served is the disk that the ring's commands are for; nil while there is none.
func (v *volume) served() *sbc.Disk {
	if v.nexus != nil {
		return v.nexus.disk.Load()
	}
	return v.disk.Load()
}

// size is that of the disk in bytes, 0 while there is none.
func (v *volume) size() int64 {
	disk := v.served()
	if disk == nil {
		return 0
	}
	return int64(disk.Blocks()) * int64(disk.BlockSize())
}

// events are the attributes as they are, as changes that may have been missed.
func (v *volume) events() []tcmu.Event {
	size, err1 := v.so.Size()
	text, err2 := v.so.Config()
	cache, err3 := v.number("emulate_write_cache")
	if err := errors.Join(err1, err2, err3); err != nil {
		v.log.Info("a device has gone before its attributes were read", "err", err)
		return nil
	}
	return []tcmu.Event{
		{Kind: tcmu.ConfigChanged, Config: text},
		{Kind: tcmu.SizeChanged, Size: uint64(size)},
		{Kind: tcmu.WriteCacheChanged, WriteCache: cache != 0},
	}
}
