package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
)

// autosave looks how the configuration is, and returns what is to be done when the shell is left: it is saved if it has
// changed, as targetcli does on every exit.
func (s *session) autosave() func(context.Context, *console) error {
	before, unknown := s.capture()
	return func(_ context.Context, c *console) error {
		now, err := s.capture()
		unchanged := err == nil && (reflect.DeepEqual(before, now) || unknown != nil && now.Empty())
		if unchanged || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the configuration is not saved: %w", err)
		}
		path, err := s.configPath("")
		if err != nil {
			return err
		}
		r, err := s.save(now, path, false)
		if err != nil {
			return err
		}
		return c.print(r)
	}
}
