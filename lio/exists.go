package lio

import (
	"errors"
	"fmt"
	"io/fs"
)

// ExistsError is the error of a create that finds what it should make; it wraps fs.ErrExist. The create then returns the
// object that is there.
type ExistsError struct {
	What    string // "target naa.5001405c81b9d906"
	Path    string // of its directory
	Differs string // how it is not what was asked for; empty: it is just that
	Remedy  string
}

func (e *ExistsError) Error() string {
	text := fmt.Sprintf("%s exists (%s)", e.What, e.Path)
	if e.Differs != "" {
		text += " and " + e.Differs
	}
	return text + ": " + e.Remedy
}

// Unwrap is fs.ErrExist.
func (e *ExistsError) Unwrap() error { return fs.ErrExist }

// Ensure makes any create of this package one that can be repeated: an object that is there just as it was asked for is
// returned without an error. One that differs is an error, an *ExistsError that says how.
//
//	target, err := lio.Ensure(loopback.CreateTarget("naa.5001405c81b9d906"))
func Ensure[T any](object T, err error) (T, error) {
	var exists *ExistsError
	if errors.As(err, &exists) && exists.Differs == "" {
		return object, nil
	}
	return object, err
}

// mkdirNew makes the directory of an object. The kernel says whether it is there already, so of two who make it at once
// one only is told that it has.
func (n node) mkdirNew(what, remedy string) error {
	err := n.mkdir()
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{What: what, Path: n.path, Remedy: remedy}
	}
	return err
}

// differs notes in an *ExistsError how the object that is there is not the one asked for. Other errors stay as they are.
func differs(err error, how func() (string, error)) error {
	var exists *ExistsError
	if !errors.As(err, &exists) {
		return err
	}
	text, howErr := how()
	if howErr != nil {
		return errors.Join(err, howErr)
	}
	exists.Differs = text
	return err
}
