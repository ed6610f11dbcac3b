package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/saveconfig"
)

var restoreCommand = command{
	name: "restoreconfig", help: "restore a saved configuration, all of it or a part; what is there already, and the same, stays",
	params: []param{
		{name: "savefile", help: "the file; that of this host's targetcli if left out", is: file},
		{name: "clear_existing", help: "true: what there is is removed before; of a part, only that", is: boolean},
		{name: "target", help: "name of the only target to restore", is: text},
		{name: "storage_object", help: "name of the only storage object to restore", is: text},
	},
	run: restoreConfig,
}

var clearCommand = command{
	name: "clearconfig", help: "remove all targets, and then all backstores, whoever made them; ramdisks lose their data",
	params: []param{{name: "confirm", help: "true, or nothing is done", is: boolean}},
	run: func(ctx context.Context, at *node, a args) (result, error) {
		if !a.boolean("confirm", false) {
			return result{}, errors.New("clearconfig: this removes all targets and backstores: \"clearconfig confirm=true\" if that is meant")
		}
		root, err := at.session.tree()
		if err != nil {
			return result{}, err
		}
		o := at.session.restoring(ctx)
		at.session.keeping(func() { err = saveconfig.Clear(root, o) })
		if err != nil {
			return result{}, err
		}
		return result{"All configuration cleared", map[string]bool{"cleared": true}}, nil
	},
}

// restored is what programs are told of a configuration that was restored.
type restored struct {
	Path string `json:"restored"`
}

func restoreConfig(ctx context.Context, at *node, a args) (result, error) {
	s := at.session
	path, err := s.configPath(a.text("savefile"))
	if err != nil {
		return result{}, err
	}
	config, unknown, err := saveconfig.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return result{}, fmt.Errorf("restore file %s not found: \"saveconfig\" makes one", path)
	}
	if err != nil {
		return result{}, fmt.Errorf("%w: nothing is restored", err)
	}
	root, err := s.tree()
	if err != nil {
		return result{}, err
	}
	if slices.ContainsFunc(config.StorageObjects, func(so saveconfig.StorageObject) bool { return ours(so.Config) }) {
		if _, err := s.daemon.Version(ctx); err != nil {
			return result{}, err
		}
	}
	o := s.restoring(ctx)
	o.Target, o.StorageObject, o.Clear = a.text("target"), a.text("storage_object"), a.boolean("clear_existing", false)
	bar := s.progress("restoreconfig", config.Steps())
	defer bar.end()
	o.Progress = bar.step
	var unrestored []string
	s.keeping(func() { unrestored, err = config.Restore(root, o) })
	if err != nil {
		return result{}, err
	}
	if unrestored = append(unrestored, unknown...); len(unrestored) > 0 {
		return result{}, fmt.Errorf("configuration restored from %s, but for what is not known here: %s", path, strings.Join(unrestored, ", "))
	}
	return result{"Configuration restored from " + path, restored{path}}, nil
}

func ours(config string) bool { return strings.HasPrefix(config, backend.Prefix) }

// restoring is how configurations are restored and cleared here.
func (s *session) restoring(ctx context.Context) saveconfig.Options {
	return saveconfig.Options{
		Ours: func(config string) (udevPath string, isOurs bool) {
			c, _ := backend.ParseConfig(config)
			return c.Path, ours(config)
		},
		Serve: func(so lio.StorageObject) error {
			o, err := classify(so)
			if err != nil || !o.ours {
				return err
			}
			return s.waitServed(ctx, so)
		},
		DeleteLUN: func(l lio.LUN) error { return s.deleteLUN(ctx, l) },
		Cleared:   func(born []uint64) { s.waitForgotten(ctx, born...) },
	}
}
