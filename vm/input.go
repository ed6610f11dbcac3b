package vm

import (
	"archive/tar"
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// BinDir is where added files land in the guest unless told otherwise. It
// comes first in the command's PATH.
const BinDir = "/opt/tcmud/bin"

//go:embed guest.sh
var guestScript string

// A File is added to the guest: a file, or a folder with all that is in it.
type File struct {
	Host  string // path here
	Guest string // absolute path there; empty means BinDir and the same name
}

func (f File) target() string {
	if f.Guest == "" {
		return path.Join(BinDir, filepath.Base(f.Host))
	}
	return path.Clean(f.Guest)
}

// writeInput writes the tar that the guest unpacks over its root: stage two,
// the command with its settings and its input, and the added files.
func writeInput(w io.Writer, cfg Config, settings string) error {
	var stdin []byte
	if !cfg.Interactive {
		var err error
		if stdin, err = io.ReadAll(cfg.Stdin); err != nil {
			return fmt.Errorf("read the command's input: %w", err)
		}
	}
	archive := tar.NewWriter(w)
	for _, script := range []struct{ name, text string }{
		{"opt/tcmud/init", guestScript},
		{"opt/tcmud/run", runScript(cfg.Command, cfg.Env)},
		{"opt/tcmud/settings", settings},
		{"opt/tcmud/stdin", string(stdin)},
	} {
		h := &tar.Header{Name: script.name, Mode: 0o755, Size: int64(len(script.text))}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, script.text); err != nil {
			return err
		}
	}
	for _, f := range cfg.Files {
		if err := addFile(archive, f); err != nil {
			return fmt.Errorf("add %s to the guest: %w", f.Host, err)
		}
	}
	return archive.Close()
}

// addFile adds a file, or a folder and what is below it.
func addFile(archive *tar.Writer, f File) error {
	return filepath.WalkDir(f.Host, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(f.Host, name)
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(path.Join(f.target(), filepath.ToSlash(below)), "/")
		if info.IsDir() {
			h.Name += "/"
		}
		h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "root", "root"
		if err := archive.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
			return err
		}
		return copyFile(archive, name)
	})
}

func copyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// runScript is a shell script that becomes the command; no command is a shell.
func runScript(command, env []string) string {
	if len(command) == 0 {
		command = []string{"bash", "-l"}
	}
	words := append([]string{"exec", "env"}, quoteAll(env)...)
	return "#!/bin/bash\n" + strings.Join(append(words, quoteAll(command)...), " ") + "\n"
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return quoted
}

// quote makes one word of the shell's out of any string.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
