//go:build !race

package tcmu

const raceEnabled = false
