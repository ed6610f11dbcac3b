package backend_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// prompter is a store that may wait, and answers from its field err when asked not to.
type prompter struct {
	*script
	err error
}

func (p *prompter) ReadvNow([][]byte, int64) error {
	p.calls = append(p.calls, "read now")
	return p.err
}

func (p *prompter) WritevNow([][]byte, int64) error {
	p.calls = append(p.calls, "write now")
	return p.err
}

func TestMediumIsPrompt(t *testing.T) {
	waits := backend.Traits{Blocking: true, Volatile: true}
	hook := func(backend.Op, int64, int64) error { panic("called") }
	wouldWait := fmt.Errorf("not in the page cache: %w", syscall.EAGAIN)
	memory, blocking := &script{}, &script{traits: waits}
	willing, busy := &prompter{script: &script{traits: waits}}, &prompter{script: &script{traits: waits}, err: wouldWait}
	now, written := []string{"read now", "write now"}, []string{"write 1024+512 in 1, durable false"}
	for _, test := range []struct {
		name  string
		store backend.Store
		calls *[]string
		want  []string
		err   error
	}{
		{"memory", memory, &memory.calls, written, nil},
		{"may wait, and does not know when", blocking, &blocking.calls, nil, syscall.EAGAIN},
		{"says nothing of itself", bare{memory}, &memory.calls, nil, syscall.EAGAIN},
		{"knows, and need not", willing, &willing.calls, now, nil},
		{"knows, and would have to", busy, &busy.calls, now, wouldWait},
		{"wrapped", backend.Intercept(willing, hook), &willing.calls, nil, syscall.EAGAIN},
	} {
		t.Run(test.name, func(t *testing.T) {
			*test.calls = nil
			m := backend.Resolve(test.store)
			iov := [][]byte{make([]byte, 512)}
			require.ErrorIs(t, m.ReadvAtOnce(iov, 1024), test.err)
			require.ErrorIs(t, m.WritevAtOnce(iov, 1024), test.err)
			require.Equal(t, test.want, *test.calls)
		})
	}
}

// A file reads at once what is in the page cache, or nothing: whether the file system can tell is not for us to say.
func TestFileIsPrompt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	_, err := backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	f, err := backend.OpenFile(path, backend.FileOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	m := backend.Resolve(f)
	want, have := bytes.Repeat([]byte{0xa5}, 8192), make([]byte, 8192)
	require.NoError(t, m.WritevAtOnce([][]byte{want[:4096], want[4096:]}, 4096), "the first has nothing to wait for")
	if err := m.ReadvAtOnce([][]byte{have[:512], have[512:]}, 4096); err != nil {
		require.ErrorIs(t, err, syscall.EAGAIN)
		require.NoError(t, m.Readv([][]byte{have}, 4096))
	}
	require.Equal(t, want, have)
	for _, off := range []int64{-512, 1<<20 - 4096, 1 << 20} {
		require.Error(t, m.ReadvAtOnce([][]byte{have}, off), off)
		require.Error(t, m.WritevAtOnce([][]byte{want}, off), off)
	}
}
