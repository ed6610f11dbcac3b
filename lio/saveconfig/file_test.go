package saveconfig_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio/saveconfig"
)

// small is a configuration with one storage object of that name.
func small(name string) saveconfig.Config {
	return saveconfig.Config{StorageObjects: []saveconfig.StorageObject{{Name: name, Plugin: "ramdisk", Size: 4096}}}
}

func read(t *testing.T, path string) saveconfig.Config {
	t.Helper()
	c, _, err := saveconfig.Read(path)
	require.NoError(t, err)
	return c
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := []string{}
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

func TestTheFileOfThisHost(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, dir+"/etc/target/saveconfig.json", saveconfig.DefaultPath(dir))
	require.NoError(t, os.MkdirAll(dir+"/etc/target", 0o755))
	require.Equal(t, dir+"/etc/target/saveconfig.json", saveconfig.DefaultPath(dir))
	require.NoError(t, os.MkdirAll(dir+"/etc/rtslib-fb-target", 0o755))
	require.Equal(t, dir+"/etc/rtslib-fb-target/saveconfig.json", saveconfig.DefaultPath(dir), "as on Debian")
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "saveconfig.json")
	done, err := small("a").Save(path, saveconfig.Saving{})
	require.NoError(t, err)
	require.Zero(t, done)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode(), "there are passwords in it")

	require.NoError(t, os.Chmod(path, 0o644))
	_, err = small("b").Save(path, saveconfig.Saving{})
	require.NoError(t, err)
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	require.Equal(t, "b", read(t, path).StorageObjects[0].Name)
	require.Equal(t, []string{"saveconfig.json"}, names(t, filepath.Dir(path)), "nothing is left over")
}

func TestSaveThroughALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Symlink("file", link))
	_, err := small("a").Save(link, saveconfig.Saving{})
	require.NoError(t, err)
	to, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "file", to)
	require.Equal(t, "a", read(t, file).StorageObjects[0].Name)
}

func TestWhereNothingCanBeSaved(t *testing.T) {
	dir := t.TempDir()
	_, err := small("a").Save(dir, saveconfig.Saving{})
	require.EqualError(t, err, dir+" is no regular file")
	require.Empty(t, names(t, dir))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = small("a").Save(filepath.Join(file, "saveconfig.json"), saveconfig.Saving{})
	require.Error(t, err)
	require.Equal(t, []string{"file"}, names(t, dir))
}

func TestAnEmptyConfigurationReplacesNoOtherUnlessAskedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saveconfig.json")
	save := func(text string, c saveconfig.Config, how saveconfig.Saving) error {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := c.Save(path, how)
		return err
	}
	good, err := small("a").Marshal()
	require.NoError(t, err)
	for _, text := range []string{string(good), `{"of": "another program"}`} {
		err = save(text, saveconfig.Config{}, saveconfig.Saving{Backup: true})
		var empty *saveconfig.EmptyError
		require.ErrorAs(t, err, &empty)
		require.Equal(t, path, empty.Path)
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(now))
		require.Equal(t, []string{"saveconfig.json"}, names(t, filepath.Dir(path)))
	}
	require.NoError(t, save(string(good), saveconfig.Config{}, saveconfig.Saving{AllowEmpty: true}))
	require.True(t, read(t, path).Empty())
	require.NoError(t, save(`{}`, saveconfig.Config{}, saveconfig.Saving{}), "an empty one")
	require.NoError(t, save(`{"targets`, saveconfig.Config{}, saveconfig.Saving{}), "a broken one")
	require.NoError(t, os.Remove(path))
	_, err = saveconfig.Config{}.Save(path, saveconfig.Saving{})
	require.NoError(t, err, "none")
}

func TestKeysThatAreLostAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saveconfig.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"version": 3}`), 0o600))
	done, err := small("a").Save(path, saveconfig.Saving{Backup: true})
	require.NoError(t, err)
	require.Equal(t, []string{"version"}, done.Lost)
	require.Equal(t, filepath.Join(filepath.Dir(path), "backup"), done.Backups)
	require.Equal(t, 10, done.Kept)
}

// unpacked is the content of a backup.
func unpacked(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)

func TestBackups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saveconfig.json")
	backup := func(text string, now time.Time) (string, int) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		dir, kept, err := saveconfig.Backup(path, now)
		require.NoError(t, err)
		return dir, kept
	}
	_, kept, err := saveconfig.Backup(path, noon)
	require.NoError(t, err)
	require.Zero(t, kept, "there is no file yet")

	dir, kept := backup("0", noon)
	require.Equal(t, 10, kept)
	require.Equal(t, []string{"saveconfig-20261122-12:00:00-json.gz"}, names(t, dir))
	info, err := os.Stat(filepath.Join(dir, "saveconfig-20261122-12:00:00-json.gz"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	_, kept = backup("0", noon.Add(time.Hour))
	require.Zero(t, kept, "that is kept already")
	backup("1", noon)
	require.Equal(t, "1", unpacked(t, filepath.Join(dir, "saveconfig-20261122-12:00:01-json.gz")), "both of one second are kept")

	older := filepath.Join(dir, "saveconfig-20140101-00:00:00.json")
	require.NoError(t, os.WriteFile(older, []byte("of an old targetcli"), 0o600))
	other := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	for i := 2; i < 12; i++ {
		backup(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Minute))
	}
	all := names(t, dir)
	require.Len(t, all, 11)
	require.Equal(t, "notes.txt", all[0], "not ours")
	require.Equal(t, "2", unpacked(t, filepath.Join(dir, all[1])), "0 and 1 are gone")
	require.Equal(t, "11", unpacked(t, filepath.Join(dir, all[10])))
}

func TestTargetcliMayAskForMoreBackups(t *testing.T) {
	for text, want := range map[string]int{
		"max_backup_files = 20\n": 20, "auto_save_on_exit = true\nmax_backup_files=12\n": 12,
		"max_backup_files = 3": 10, "max_backup_files = many": 10, "": 10,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "saveconfig.json")
		require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "targetcli.conf"), []byte(text), 0o600))
		_, kept, err := saveconfig.Backup(path, noon)
		require.NoError(t, err)
		require.Equal(t, want, kept, text)
	}
}

func TestNoSaveWithoutTheBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saveconfig.json")
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "backup"), nil, 0o600))
	_, err := small("a").Save(path, saveconfig.Saving{Backup: true})
	require.ErrorContains(t, err, path+" cannot be backed up, and stays as it is")
	var at *fs.PathError
	require.True(t, errors.As(err, &at))
	require.True(t, read(t, path).Empty())
}
