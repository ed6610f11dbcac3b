package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/tcmu"
)

// A command that takes long is named once, with where it is, and once more when it is over.
func TestWhatTakesLongIsNamedOnce(t *testing.T) {
	v := device(t, idle(t), "rd0")
	var log bytes.Buffer
	v.log = slog.New(slog.NewTextHandler(&log, nil))
	looks := 0
	stacks := func() string { looks++; return "in pwritev" }
	said := func() string {
		defer log.Reset()
		return log.String()
	}
	var l lookout
	first := tcmu.Overdue{ID: 3, CDB: []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}, For: 16 * time.Second}
	second := tcmu.Overdue{ID: 4, CDB: []byte{0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0}, For: 15 * time.Second}

	l.name(v, []tcmu.Overdue{first}, stacks)
	text := said()
	require.Contains(t, text, `level=WARN msg="a command takes long: its store does not answer" id=3 cdb="35 00 00 00 00 00 00 00 00 00" for=16s where="in pwritev"`)
	l.name(v, []tcmu.Overdue{first}, stacks)
	require.Empty(t, said())
	l.name(v, []tcmu.Overdue{first, second}, stacks)
	text = said()
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Contains(t, text, `id=4 cdb="2a 00`)
	l.name(v, []tcmu.Overdue{second}, stacks)
	require.Contains(t, said(), `level=INFO msg="a command that has taken long is over" id=3`)
	l.name(v, nil, stacks)
	require.Contains(t, said(), "is over\" id=4")
	require.Empty(t, l.named)
	require.Equal(t, 2, looks)
}
