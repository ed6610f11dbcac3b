package vm

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestImageKeyFollowsWhatItIsMadeFrom(t *testing.T) {
	key := imageKey()
	require.Len(t, key, 16)
	require.Equal(t, key, imageKey(), "the same parts make the same key")
	tests := []struct {
		name   string
		change func(t *testing.T)
	}{
		{"package", func(t *testing.T) { replace(t, &guestPackages, append([]string{"hello"}, guestPackages...)) }},
		{"root script", func(t *testing.T) { replace(t, &rootfsScript, rootfsScript+"\n") }},
		{"initrd script", func(t *testing.T) { replace(t, &initrdScript, initrdScript+"\n") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.change(t)
			require.NotEqual(t, key, imageKey())
		})
	}
	t.Run("not stage two", func(t *testing.T) {
		replace(t, &guestScript, guestScript+"\n")
		require.Equal(t, key, imageKey())
	})
}

// replace sets a variable for the time of a test.
func replace[T any](t *testing.T, variable *T, value T) {
	old := *variable
	*variable = value
	t.Cleanup(func() { *variable = old })
}

func TestCacheDir(t *testing.T) {
	t.Setenv("TCMUD_CACHE", "/var/cache/vm")
	dir, err := cacheDir()
	require.NoError(t, err)
	require.Equal(t, "/var/cache/vm", dir)

	t.Setenv("TCMUD_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/home/someone/.cache")
	dir, err = cacheDir()
	require.NoError(t, err)
	require.Equal(t, "/home/someone/.cache/tcmud/vm", dir)
}

func TestLockKeepsASecondRunWaiting(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(name)
	require.NoError(t, err)
	second := make(chan func())
	go func() {
		unlock, err := lock(name)
		if err != nil {
			close(second)
			return
		}
		second <- unlock
	}()
	select {
	case <-second:
		t.Fatal("two runs hold the lock")
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	unlockSecond, ok := <-second
	require.True(t, ok, "the second lock failed")
	unlockSecond()
}

func TestAcceleratorByEnvironment(t *testing.T) {
	for _, accel := range []string{kvm, tcg} {
		t.Setenv("TCMUD_ACCEL", accel)
		got, err := accelerator(t.Context(), io.Discard, image{t.TempDir()})
		require.NoError(t, err)
		require.Equal(t, accel, got)
	}
	t.Setenv("TCMUD_ACCEL", "hvf")
	_, err := accelerator(t.Context(), io.Discard, image{t.TempDir()})
	require.EqualError(t, err, "TCMUD_ACCEL=hvf: use kvm or tcg")
}

func TestAcceleratorIsTriedOnce(t *testing.T) {
	img := image{t.TempDir()}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	known := filepath.Join(img.dir, "accel-"+strings.TrimSpace(string(id)))
	require.NoError(t, os.WriteFile(known, []byte(kvm), 0o644))

	// The folder has no kernel: a second trial would answer TCG.
	got, err := tried(context.Background(), io.Discard, img)
	require.NoError(t, err)
	require.Equal(t, kvm, got)
}
