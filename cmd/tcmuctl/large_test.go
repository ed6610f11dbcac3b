package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

// large is a host with n ramdisks and one loopback target with as many LUNs.
func large(t testing.TB, n int) *host {
	h := newHost(t)
	root := h.kernel.Root()
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	made, err := loopback.CreateTarget(target)
	require.NoError(t, err)
	tpg, err := made.CreateTPG(1)
	require.NoError(t, err)
	for i := range n {
		so, err := root.CreateUser(lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512})
		require.NoError(t, err)
		_, err = tpg.CreateLUN(so, i)
		require.NoError(t, err)
	}
	return h
}

// TestLargeTree takes the best of three: other tests run at the same time.
func TestLargeTree(t *testing.T) {
	const n = 500
	h := large(t, n)
	best := time.Hour
	for range 3 {
		start := time.Now()
		tree := h.tree()
		best = min(best, time.Since(start))
		others := strings.Fields(`/ backstores block fileio pscsi ramdisk iscsi loopback vhost target luns`)
		require.Equal(t, len(others)+2*n, strings.Count(tree, "\n"))
	}
	require.Less(t, best, time.Second)
	t.Logf("%d storage objects and their LUNs listed in %v", n, best)
}

func BenchmarkLs(b *testing.B) {
	for _, n := range []int{50, 500} {
		h := large(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				h.discards(b, "ls")
			}
		})
		b.Run(fmt.Sprint("one of ", n), func(b *testing.B) {
			for b.Loop() {
				h.discards(b, "ls", "/backstores/ramdisk/rd7")
			}
		})
		b.Run(fmt.Sprint("one LUN of ", n), func(b *testing.B) {
			for b.Loop() {
				h.discards(b, "ls", "/loopback/"+target+"/luns/lun7")
			}
		})
	}
}

// discards runs a command line that has to succeed.
func (h *host) discards(t testing.TB, words ...string) {
	var errs strings.Builder
	open := func() (lio.Root, error) { return h.kernel.Root(), nil }
	status := run(t.Context(), words, open, &console{in: strings.NewReader(""), out: io.Discard, err: &errs})
	require.Zero(t, status, errs.String())
}
