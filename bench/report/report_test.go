package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample(target string, round int, iops float64) Sample {
	return Sample{"compare", "loopback", target, "randread 4k depth 1", round, map[string]float64{"IOPS": iops}}
}

// some is three rounds, of which one target missed one.
var some = Results{Machine: "a machine", Kernel: "6.1", Version: "v1", Samples: []Sample{
	sample("rd_mcp", 0, 1000), sample("tcmud ramdisk", 0, 500),
	sample("rd_mcp", 1, 100), sample("tcmud ramdisk", 1, 90),
	sample("rd_mcp", 2, 2000),
	{"compare", "iscsi", "rd_mcp", "randread 4k depth 1", 0, map[string]float64{"IOPS": 1}},
}}

func at(target string) At { return At{"compare", "loopback", target, "randread 4k depth 1"} }

// A ratio is one of what the same round measured: the machine may have been another in the next.
func TestRatioIsWithinARound(t *testing.T) {
	ratio := some.Series(at("tcmud ramdisk"), "IOPS").Ratio(some.Series(at("rd_mcp"), "IOPS"))
	require.Equal(t, Series{0: 0.5, 1: 0.9}, ratio)
	require.InDelta(t, 0.7, ratio.Median(), 1e-9)
	least, most := ratio.Range()
	require.Equal(t, []float64{0.5, 0.9}, []float64{least, most})
	require.EqualValues(t, 1000, some.Series(at("rd_mcp"), "IOPS").Median())
	require.True(t, math.IsNaN(Series{}.Median()))
	require.Empty(t, Series{0: 1}.Ratio(Series{0: 0}), "nothing is a share of nothing")
}

func TestGoals(t *testing.T) {
	goal := Goal{Of: at("tcmud ramdisk"), To: at("rd_mcp"), Unit: "IOPS", Bound: 0.7}
	atMost := goal
	atMost.Bound, atMost.AtMost = 0.69, true
	alone := Goal{Of: at("tcmud ramdisk"), Unit: "IOPS", Bound: 296}
	missing := Goal{Of: at("nobody"), Unit: "IOPS"}
	all := some.Judge([]Goal{goal, atMost, alone, missing})
	require.True(t, all[0].Met())
	require.Equal(t, "0.70 (0.50-0.90)", all[0].String())
	require.False(t, all[1].Met())
	require.False(t, all[2].Met())
	require.Equal(t, "295 (90-500)", all[2].String())
	require.Equal(t, "not measured", all[3].String())
	require.False(t, all[3].Met())
}

// Each goal names what the benchmarks call it, and is named once.
func TestGoalsAreDistinct(t *testing.T) {
	names := map[string]bool{}
	for _, g := range Goals() {
		require.NotContains(t, names, g.Name)
		names[g.Name] = true
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{1.234: "1.23", 12.34: "12.3", 1234.5: "1234", 2: "2", 0: "0"} {
		require.Equal(t, want, figure(v))
	}
	require.Equal(t, "-", figure(math.NaN()))
}

func TestTablesOfAll(t *testing.T) {
	text := some.Text()
	require.Contains(t, text, "Over loopback")
	require.Contains(t, text, "Over iscsi")
	require.Regexp(t, `tcmud ramdisk +│ +295 `, text)
	require.Regexp(t, `\| tcmud ramdisk \| 0.70 \|`, Summary([]Results{some}))
	require.Contains(t, Whole([]Results{some}), "a machine, Linux 6.1")
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	none, err := Load(dir)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, some.Save(filepath.Join(dir, "a.json")))
	runs, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, []Results{some}, runs)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.json"), []byte("{"), 0o600))
	_, err = Load(dir)
	require.ErrorContains(t, err, "b.json")
}

func TestPlots(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, some.Plots(dir))
	for _, name := range []string{"loopback-small.svg", "iscsi-small.svg"} {
		picture, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(picture), "<svg")
	}
}

func TestReplace(t *testing.T) {
	document := "before\n" + Begins + "old\n" + Ends + "after\n"
	made, err := Replace(document, "new\n")
	require.NoError(t, err)
	require.Equal(t, "before\n"+Begins+"\nnew\n\n"+Ends+"after\n", made)
	_, err = Replace("nothing", "new")
	require.ErrorContains(t, err, "put the two lines")
}

// What README and docs/performance.md say is what the results say that are kept beside them.
func TestDocumentsSayWhatWasMeasured(t *testing.T) {
	top := filepath.Join("..", "..")
	runs, err := Load(filepath.Join(top, "bench", "results"))
	require.NoError(t, err)
	for file, text := range map[string]string{"README.md": Summary(runs), "docs/performance.md": Whole(runs)} {
		have, err := os.ReadFile(filepath.Join(top, file))
		require.NoError(t, err)
		want, err := Replace(string(have), text)
		require.NoError(t, err)
		require.True(t, want == string(have), file+` is not what bench/results gives: run "go run ./bench/publish"`)
	}
	require.False(t, strings.HasSuffix(Summary(runs), "\n\n"))
}
