package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

func TestWaitForNobodySaysWhoWaited(t *testing.T) {
	root := lio.Root{Dir: t.TempDir()}
	for _, test := range []struct {
		value  string
		waited bool
	}{{"0", false}, {"1", true}, {"-1", false}} {
		so := root.User(1, "value"+test.value)
		attribute := filepath.Join(so.Path(), "attrib/nl_reply_supported")
		require.NoError(t, os.MkdirAll(filepath.Dir(attribute), 0o700))
		require.NoError(t, os.WriteFile(attribute, []byte(test.value), 0o600))
		waited, err := waitForNobody(so)
		require.NoError(t, err)
		require.Equal(t, test.waited, waited, test.value)
		now, err := so.Attribute("nl_reply_supported")
		require.NoError(t, err)
		require.Equal(t, "-1", now)
	}
	_, err := waitForNobody(root.User(1, "gone"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
