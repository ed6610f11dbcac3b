package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcmud/tcmud/lio/saveconfig"
)

var saveCommand = command{
	name: "saveconfig", help: "save the configuration to a file, from which it is restored when the host starts",
	params: []param{
		{name: "savefile", help: "the file; that of this host's targetcli if left out, of which the last versions are kept", is: file},
		{name: "allow_empty", help: "true: also if there is nothing to save, and the file is not empty", is: boolean, keyword: true},
	},
	run: func(_ context.Context, at *node, a args) (result, error) {
		config, err := at.session.capture()
		if err != nil {
			return result{}, err
		}
		path, err := at.session.configPath(a.text("savefile"))
		if err != nil {
			return result{}, err
		}
		return at.session.save(config, path, a.boolean("allow_empty", false))
	},
}

// saved is what programs are told of a configuration that was saved.
type saved struct {
	Path    string   `json:"saved"`
	Backups string   `json:"backups,omitempty"` // directory that the old file has been copied to
	Lost    []string `json:"lost,omitempty"`    // keys of the old file that are not known here
}

// configPath is the file that somebody means, or else the host's own.
func (s *session) configPath(path string) (string, error) {
	if path == "" {
		root, err := s.tree()
		return saveconfig.DefaultPath(root.Dir), err
	}
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		path = filepath.Join(home, path[2:])
	}
	return filepath.Abs(path)
}

// save writes a configuration to a file. The host's own is backed up before.
func (s *session) save(config saveconfig.Config, path string, allowEmpty bool) (result, error) {
	own, err := s.configPath("")
	if err != nil {
		return result{}, err
	}
	done, err := config.Save(path, saveconfig.Saving{AllowEmpty: allowEmpty, Backup: path == own})
	var empty *saveconfig.EmptyError
	if errors.As(err, &empty) {
		err = fmt.Errorf("%w: \"saveconfig allow_empty=true\" empties it", err)
	}
	if err != nil {
		return result{}, err
	}
	var lines []string
	if len(done.Lost) > 0 {
		lines = append(lines, "Not known here, and lost with the old file: "+strings.Join(done.Lost, ", "))
	}
	if done.Backups != "" {
		lines = append(lines, fmt.Sprintf("Last %d configs saved in %s/.", done.Kept, done.Backups))
	}
	lines = append(lines, "Configuration saved to "+path)
	return result{strings.Join(lines, "\n"), saved{path, done.Backups, done.Lost}}, nil
}

func (s *session) capture() (saveconfig.Config, error) {
	root, err := s.tree()
	if err != nil {
		return saveconfig.Config{}, err
	}
	return saveconfig.Capture(root)
}
