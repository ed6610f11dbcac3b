//go:build race

package tcmu

const raceEnabled = true
