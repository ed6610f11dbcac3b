package saveconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// maxFile is more than any configuration needs, and less than would hurt: ten thousand devices take 40 MiB.
const maxFile = 64 << 20

// Read reads a configuration from a file. What it says has been checked as far as that can be done without looking at the
// target: see Config.Check. Unknown lists the keys that this package does not know, as paths: they are not in the Config.
func Read(path string) (c Config, unknown []string, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return c, nil, err
	case !info.Mode().IsRegular():
		return c, nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxFile:
		return c, nil, fmt.Errorf("%s is larger than %d MiB: it is no saved configuration", path, maxFile>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return c, nil, err
	}
	if c, unknown, err = Parse(data); err != nil {
		return c, nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, unknown, nil
}

// Parse is Read for what has been read already.
func Parse(data []byte) (c Config, unknown []string, err error) {
	if err := json.Unmarshal(data, &c); err != nil {
		return Config{}, nil, located(data, err)
	}
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		return Config{}, nil, located(data, err)
	}
	if _, ok := all.(map[string]any); !ok {
		return Config{}, nil, errors.New("it is no saved configuration: an object was expected")
	}
	if err := c.Check(); err != nil {
		return Config{}, nil, err
	}
	return c, unknownKeys("", all, reflect.TypeFor[Config]()), nil
}

// located says where in data an error is.
func located(data []byte, err error) error {
	var offset int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		err = fmt.Errorf("%s cannot be a %s", kind.Field, kind.Value)
	default:
		return err
	}
	before := data[:min(offset, int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("line %d, column %d: %w", line, max(column, 1), err)
}

// unknownKeys lists the keys below v for which a value of type t has no place.
func unknownKeys(path string, v any, t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var unknown []string
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			unknown = append(unknown, unknownKeys(fmt.Sprintf("%s[%d]", path, i), e, t.Elem())...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			of, below := keyType(t, key), strings.TrimPrefix(path+"."+key, ".")
			if of == nil {
				unknown = append(unknown, below)
				continue
			}
			unknown = append(unknown, unknownKeys(below, v[key], of)...)
		}
	}
	return unknown
}

// keyType is the type of what a value of type t has at a key; nil when it has no such key.
func keyType(t reflect.Type, key string) reflect.Type {
	switch {
	case t == reflect.TypeFor[ALUAGroup]():
		if key == aluaName || key == aluaID || isALUA(key) {
			return reflect.TypeFor[int]()
		}
		return nil
	case t.Kind() == reflect.Map:
		return t.Elem()
	case t.Kind() != reflect.Struct:
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key && name != "" { // an embedded struct has no name
			return f.Type
		}
	}
	return nil
}
