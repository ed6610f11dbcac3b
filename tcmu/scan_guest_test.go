//go:build guest

package tcmu

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
)

// A device that Scan finds can be opened, also while the kernel is making it.
func TestGuestScanFindsWholeDevices(t *testing.T) {
	root, err := lio.Open()
	require.NoError(t, err)
	for range 50 {
		made := make(chan lio.StorageObject)
		go func() {
			so, err := root.CreateUser(lio.User{Name: "coming", Config: "tcmutest/x", Size: guestSize})
			assert.NoError(t, err)
			made <- so
		}()
		found := false
		for !found {
			all, err := Scan()
			require.NoError(t, err)
			for _, u := range all {
				if found = u.Name == "coming"; found {
					p, err := u.open(t.Context())
					require.NoError(t, err)
					require.NoError(t, errors.Join(unix.Munmap(p.Memory), unix.Close(p.FD)))
				}
			}
		}
		require.NoError(t, (<-made).Delete())
	}
}
