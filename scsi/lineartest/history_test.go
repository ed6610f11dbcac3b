package lineartest_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/lineartest"
)

// said is a request and its answer.
type said struct {
	lineartest.Request
	lineartest.Answer
}

func read(v uint64) said { return said{Answer: lineartest.Answer{Data: v}} }

func write(v uint64, o lineartest.Outcome) said {
	return said{lineartest.Request{Kind: lineartest.Write, New: v}, lineartest.Answer{Outcome: o}}
}

func compare(old, v uint64, a lineartest.Answer) said {
	return said{lineartest.Request{Kind: lineartest.Compare, Old: old, New: v}, a}
}

// TestCheck is of commands that are all sent at once, and of what is sent after them.
func TestCheck(t *testing.T) {
	done, differs := lineartest.Answer{}, lineartest.Answer{Outcome: lineartest.Differs, At: 7}
	for name, c := range map[string]struct {
		together, then []said
		ok             bool
	}{
		"either order":               {[]said{write(1, 0), write(2, 0)}, []said{read(1), read(1)}, true},
		"a lost write":               {[]said{write(1, 0)}, []said{read(0)}, false},
		"a stale block":              {[]said{write(1, 0), write(2, 0)}, []said{read(1), read(2)}, false},
		"a failed write, done":       {[]said{write(1, lineartest.Failed)}, []said{read(1)}, true},
		"a failed write, not done":   {[]said{write(1, lineartest.Failed)}, []said{read(0), read(0)}, true},
		"a failed write, done later": {[]said{write(1, lineartest.Failed)}, []said{read(0), read(1)}, false},
		"one comparison wins":        {[]said{compare(0, 1, done), compare(0, 2, differs)}, []said{read(1)}, true},
		"comparisons without a lock": {[]said{compare(0, 1, done), compare(0, 2, done)}, nil, false},
		"a difference elsewhere": {[]said{compare(0, 1, done)},
			[]said{compare(0, 2, lineartest.Answer{Outcome: lineartest.Differs, At: 6})}, false},
		"a difference where there is none": {[]said{compare(0, 1, differs)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h lineartest.History
			sent := lineartest.Now()
			for i, s := range c.together {
				h.Add(i, sent, s.Request, s.Answer)
			}
			for _, s := range c.then {
				h.Add(0, lineartest.Now(), s.Request, s.Answer)
			}
			page := filepath.Join(t.TempDir(), "history.html")
			if err := h.Check(page); c.ok {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "linearizable: Illegal")
				require.FileExists(t, page)
			}
		})
	}
}

func TestValue(t *testing.T) {
	b := lineartest.Block(3, 512)
	v, err := lineartest.Value(b)
	require.NoError(t, err)
	require.Equal(t, uint64(3), v)
	b[511] = 4
	_, err = lineartest.Value(b)
	require.ErrorContains(t, err, "torn")
}
