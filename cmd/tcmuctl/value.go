package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// value is the type of a parameter.
type value struct {
	name  string // as usage shows it
	parse func(text string) (any, error)
	// suggest lists what could be meant by the beginning of a value, when a command is said to a node with the
	// parameters given before. It may list what begins otherwise too; nil: nothing is known.
	suggest func(at *node, given args, begun string) []string
}

var (
	text      = value{"TEXT", parseText, nil}
	size      = value{"SIZE", func(s string) (any, error) { return parseSize(s) }, nil}
	boolean   = value{"BOOL", func(s string) (any, error) { return parseBool(s) }, values("true", "false")}
	number    = value{"N", func(s string) (any, error) { return parseNumber(s) }, nil}
	lunNumber = value{"N", func(s string) (any, error) { return parseNumber(strings.TrimPrefix(strings.ToLower(s), "lun")) }, nil}
	blockSize = value{"512|4096", func(s string) (any, error) { return parseBlockSize(s) }, values("512", "4096")}

	// nodePath is the path of any node, objectPath that of a storage object, child the name of a node below.
	nodePath   = value{"PATH", parseText, suggestPaths}
	objectPath = value{"PATH", parseText, suggestObjects}
	child      = value{"NAME", parseText, suggestChildren}
	// file is a path in the file system.
	file = value{"FILE", parseText, suggestFiles}

	groupToGet  = value{"GROUP", parseText, suggestGroups}
	groupToSet  = value{"GROUP", parseText, suggestGroupsToChange}
	settingName = value{"NAME", parseText, suggestSettings}
	assignment  = value{"NAME=VALUE", parseChange, suggestChanges}
)

func parseText(s string) (any, error) { return nonEmpty(s) }

func nonEmpty(s string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("it is empty: give it a value")
	}
	return s, nil
}

// maxSize is 1 EiB: more is a slip of the hand.
const maxSize = 1 << 60

// parseSize reads "10M", "10MiB", "1.5g" or "10485760". Units are powers of 1024, as in targetcli.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		// Only with a unit: a float64, which go-units calculates with, would round long numbers of bytes.
		n, err = units.RAMInBytes(s)
	}
	negative := strings.HasPrefix(s, "-")
	switch {
	case err != nil && !negative:
		return 0, fmt.Errorf("%q is no size: give bytes, or a number with K, M, G or T", s)
	case n == 0 || negative:
		return 0, fmt.Errorf("%q is no size for a disk: give more than 0", s)
	case n < 0 || n > maxSize: // below 0 what a float64 held does not fit
		return 0, fmt.Errorf("%q is too large: give at most 1024P", s)
	}
	return n, nil
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number: give 0 or more", s)
	}
	return n, nil
}

func parseBlockSize(s string) (int, error) {
	if s != "512" && s != "4096" {
		return 0, fmt.Errorf("%q is no block size: give 512 or 4096", s)
	}
	return strconv.Atoi(s)
}

// humanSize is a size as targetcli shows it: "10.0MiB".
func humanSize(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	f := float64(n)
	unit := -1
	for ; f >= 1024 && unit < len(sizeUnits)-1; unit++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f%s", f, sizeUnits[unit])
}

var sizeUnits = [...]string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
