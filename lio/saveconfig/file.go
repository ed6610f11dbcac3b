package saveconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// directories are where LIO's tools keep their files: on Debian and what derives from it, and elsewhere.
var directories = []string{"/etc/rtslib-fb-target", "/etc/target"}

// DefaultPath is the file that is restored when the host starts, below the root of the file system that dir is (empty:
// the running system's): what this host's rtslib takes it to be.
func DefaultPath(dir string) string {
	for _, d := range directories {
		path := filepath.Join("/", dir, d)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return filepath.Join(path, "saveconfig.json")
		}
	}
	return filepath.Join("/", dir, directories[len(directories)-1], "saveconfig.json")
}

// EmptyError is that Save does not write an empty configuration over a file that has one.
type EmptyError struct{ Path string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("there is nothing to save, and %s is not empty: it stays as it is", e.Path)
}

// Marshal is the configuration as a file has it.
func (c Config) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(c)
	return b.Bytes(), err
}

// Saving is how a configuration is saved.
type Saving struct {
	AllowEmpty bool // an empty one may replace one that is not
	Backup     bool // the old file is kept: see Backup
}

// Saved is what has become of the old file.
type Saved struct {
	Backups string   // directory that has a copy of it now; empty: none was made
	Kept    int      // how many copies there are at most
	Lost    []string // keys in it that this package does not know, as paths
}

// Save writes c to a file that only its owner can read: there are passwords in it. Whatever happens meanwhile, the file
// holds all of the old or all of the new configuration, and after Save the new one, also when the power fails. An empty
// configuration over one that is not is refused with an *EmptyError.
func (c Config) Save(path string, how Saving) (done Saved, err error) {
	old, unknown, err := Read(path)
	if err == nil {
		done.Lost = unknown
		if c.Empty() && !how.AllowEmpty && (!old.Empty() || len(unknown) > 0) {
			return done, &EmptyError{path}
		}
	}
	data, err := c.Marshal()
	if err != nil {
		return done, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return done, err
	}
	if how.Backup {
		if done.Backups, done.Kept, err = Backup(path, time.Now()); err != nil {
			return done, fmt.Errorf("%s cannot be backed up, and stays as it is: %w", path, err)
		}
	}
	return done, replace(path, data)
}

// replace gives the file at path a content. A path that is a link goes on being one: what it leads to is replaced.
func replace(path string, data []byte) (err error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.temp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), removed(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDir(dir))
}

// removed removes a file that may be gone.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes what has been done to the names in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
