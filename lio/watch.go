package lio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// Op is what happened to a part of the tree.
type Op int

// What happens.
const (
	Created Op = iota + 1 // an object or a link was made
	Removed               // an object or a link is gone
	Written               // a file got a value, perhaps the one it had; one write may be told twice
	Missed                // there was more than could be told: look at the tree again
)

// String is the name in small letters.
func (o Op) String() string {
	return [...]string{"nothing", "created", "removed", "written", "missed"}[min(max(0, int(o)), int(Missed))]
}

// Change is something that happened to the tree, by anybody.
type Change struct {
	Op Op
	// Path is the directory of an object (its Path method), a link in one, or a file; of Missed the top of the tree.
	Path string
}

// kernels are directories that the kernel makes in an object, all at once. Objects are made in some of them.
var kernels = []string{
	"acls", "action", "alua", "attrib", "auth", "core", "default_tg_pt_gp", "discovery_auth", "fabric_statistics", "lun",
	"np", "param", "pr", "statistics", "wwn",
}

// quiet are those in which nothing can be made or written that would matter to anybody.
var quiet = []string{"fabric_statistics", "statistics"}

// Watch tells of all changes from its return on until ctx ends, when the channel is closed. Whoever reads the tree after
// Watch has returned misses nothing. What the kernel changes by itself, such as the info of an object, is not told.
func (r Root) Watch(ctx context.Context) (<-chan Change, error) {
	top := r.target().path
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w: raise fs.inotify.max_user_instances (sysctl)", top, err)
	}
	w := &watcher{notify: n, top: top, known: map[string]bool{}, changes: make(chan Change)}
	if _, err := w.add(top); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", top, explainWatch(err)), n.Close())
	}
	go w.run(ctx)
	return w.changes, nil
}

// explainWatch adds to an error of inotify what to do about it.
func explainWatch(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: load the kernel module %s first", err, coreModule.Name)
	case strings.Contains(err.Error(), "no space left"): // ENOSPC is how inotify says it
		return fmt.Errorf("%w: raise fs.inotify.max_user_watches (sysctl)", err)
	}
	return explain(err)
}

// watcher turns what inotify tells of single directories into changes of the tree.
type watcher struct {
	notify  *fsnotify.Watcher
	top     string
	known   map[string]bool // objects and links that have been told of, or were there at first
	changes chan Change
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.changes)
	defer w.notify.Close()
	tell := func(c Change) {
		select {
		case w.changes <- c:
		case <-ctx.Done():
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			w.event(e, tell)
		case <-w.notify.Errors:
			w.missed(tell)
		}
	}
}

func (w *watcher) event(e fsnotify.Event, tell func(Change)) {
	switch {
	case e.Has(fsnotify.Create):
		found, err := w.add(e.Name)
		for _, path := range found {
			tell(Change{Created, path})
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.missed(tell)
		}
	case e.Has(fsnotify.Remove):
		if w.known[e.Name] {
			delete(w.known, e.Name)
			tell(Change{Removed, e.Name})
		}
	case e.Has(fsnotify.Write):
		tell(Change{Written, e.Name})
	}
}

// missed begins anew.
func (w *watcher) missed(tell func(Change)) {
	clear(w.known)
	w.add(w.top) // if this fails too, the reader has been told to look for itself
	tell(Change{Missed, w.top})
}

// add watches a directory and what is below it, and finds the objects and links there that were not known. A directory is
// watched before it is read, so what is made in between is seen twice rather than never; known drops the second. All are
// watched before any is told of: whoever reads an object then is told of what is written after that.
func (w *watcher) add(path string) (found []string, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	isLink := info.Mode()&fs.ModeSymlink != 0
	if (info.IsDir() || isLink) && !w.known[path] && !w.isKernels(path) {
		w.known[path] = true
		found = append(found, path)
	}
	if !info.IsDir() {
		return found, nil
	}
	if err := w.notify.Add(path); err != nil {
		return found, err
	}
	list, err := os.ReadDir(path)
	for _, e := range list {
		if e.Type().IsRegular() || slices.Contains(quiet, e.Name()) {
			continue
		}
		below, err := w.add(filepath.Join(path, e.Name()))
		found = append(found, below...)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // what is gone again need not be told of
			return found, err
		}
	}
	return found, err
}

// isKernels reports whether the kernel makes the directory by itself. A storage object may have any name.
func (w *watcher) isKernels(path string) bool {
	rel, err := filepath.Rel(w.top, path)
	if err != nil || rel == "." {
		return true
	}
	parts := strings.Split(rel, "/")
	isObject := len(parts) == 3 && parts[0] == "core" && parts[1] != "alua"
	return !isObject && slices.Contains(kernels, parts[len(parts)-1])
}
