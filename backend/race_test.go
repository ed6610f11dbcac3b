//go:build race

package backend_test

// raceEnabled: the race detector makes sync.Pool forget at random, and so allocate.
const raceEnabled = true
