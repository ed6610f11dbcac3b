package vm

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// errNoResults is the answer for a guest that ended without handing back
// anything: it crashed, or hung until it was stopped.
var errNoResults = errors.New("the guest ended without results")

// readResults reads the tar that the guest left on its results disk: the
// command's exit status and the files below /results, which go to dir unless
// that is empty. Only folders and regular files are taken.
func readResults(disk io.Reader, dir string) (status int, err error) {
	status = -1
	archive := tar.NewReader(disk)
	for {
		h, err := archive.Next()
		switch {
		case err == io.EOF && status >= 0:
			return status, nil
		case err == io.EOF:
			return 0, errNoResults
		case err != nil:
			return 0, fmt.Errorf("%w: %w", errNoResults, err)
		}
		name := path.Clean(h.Name)
		if name == "status" {
			if status, err = readStatus(archive); err != nil {
				return 0, err
			}
		} else if below, ok := strings.CutPrefix(name, "results/"); ok && dir != "" {
			if err := extract(dir, below, h, archive); err != nil {
				return 0, fmt.Errorf("take %s from the guest: %w", name, err)
			}
		}
	}
}

func readStatus(r io.Reader) (int, error) {
	text, err := io.ReadAll(io.LimitReader(r, 16))
	if err != nil {
		return 0, err
	}
	status, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil {
		return 0, fmt.Errorf("the guest's exit status: %w", err)
	}
	return int(status), nil
}

// extract writes one entry below dir and nowhere else, whatever its name says.
func extract(dir, name string, h *tar.Header, content io.Reader) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, h.FileInfo().Mode().Perm()|0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
