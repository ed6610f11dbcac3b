package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RunnerPrefix begins the configuration string of a TCMU device made for tcmu-runner's handler "file".
const RunnerPrefix = "file/"

// ParseRunnerConfig says what such a configuration string, "file/PATH", is to us. A path that is not absolute begins at
// the root directory, where tcmu-runner is started.
func ParseRunnerConfig(s string) (Config, error) {
	path, ok := strings.CutPrefix(s, RunnerPrefix)
	if !ok {
		return Config{}, fmt.Errorf("configuration %q is not for tcmu-runner's files: it does not begin with %q", s, RunnerPrefix)
	}
	c := Config{Kind: "fileio", Path: filepath.Join("/", path)}
	return c, c.Check()
}

// grow makes a file of size bytes where there is none, and a shorter one that long: tcmu-runner makes what is missing,
// and reads zeros behind the end.
func grow(path string, size int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = CreateFile(path, size)
		return err
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() >= size {
		return err
	}
	return os.Truncate(path, size)
}
