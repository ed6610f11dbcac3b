package saveconfig

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaultBackups is how many backups are kept, unless targetcli's preferences say more.
const defaultBackups = 10

// Backup keeps a copy of the file at path, packed, in the directory backup beside it, and removes the oldest copies: those
// are the names and the number that targetcli keeps too. Nothing is done when there is no file, or when the newest copy is
// the same. It returns the directory, and how many copies are kept at most; an empty one when nothing was done.
func Backup(path string, now time.Time) (dir string, kept int, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	dir = filepath.Join(filepath.Dir(path), "backup")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, err
	}
	old, err := backups(dir)
	if err != nil {
		return "", 0, err
	}
	if len(old) > 0 && slices.Equal(unpack(old[len(old)-1]), data) {
		return "", 0, nil
	}
	if err := pack(dir, now, data); err != nil {
		return "", 0, err
	}
	kept = maxBackups(filepath.Dir(path))
	for ; len(old) >= kept; old = old[1:] {
		if err := removed(old[0]); err != nil {
			return dir, kept, err
		}
	}
	return dir, kept, nil
}

// backups lists the backups from the oldest to the newest, which is by name. Some are of versions that did not pack them.
func backups(dir string) ([]string, error) {
	list, err := filepath.Glob(filepath.Join(globEscape(dir), "saveconfig-*json*"))
	slices.Sort(list)
	return list, err
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// unpack is the content of a backup; nil when it cannot be read, which makes it differ from all others.
func unpack(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(path) == ".gz" {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil
		}
		r = z
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil
	}
	return data
}

// pack writes a backup, with the local time in its name. One of the same second is not overwritten: the name of the next
// second is as good.
func pack(dir string, now time.Time, data []byte) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	for ; ; now = now.Add(time.Second) {
		path := filepath.Join(dir, fmt.Sprintf("saveconfig-%s-json.gz", now.Format("20060102-15:04:05")))
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return replace(path, b.Bytes())
		} else if err != nil {
			return err
		}
	}
}

var backupsRule = regexp.MustCompile(`(?m)^max_backup_files\s*=\s*([0-9]+)\s*$`)

// maxBackups is how many backups are kept in the directory that targetcli's preferences are in.
func maxBackups(dir string) int {
	prefs, err := os.ReadFile(filepath.Join(dir, "targetcli.conf"))
	if m := backupsRule.FindSubmatch(prefs); err == nil && m != nil {
		if n, err := strconv.Atoi(string(m[1])); err == nil {
			return max(n, defaultBackups)
		}
	}
	return defaultBackups
}
