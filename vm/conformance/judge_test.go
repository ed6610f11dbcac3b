package main

import (
	"encoding/json"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	simple  test = "SCSI.StartStopUnit.Simple"
	invalid test = "iSCSI.iSCSIdatasn.iSCSIDataSnInvalid"
)

// rules are reasons of both kinds.
var rules = []reason{
	{outcome: skipped, says: "not removable", why: "wants a removable medium", runsIn: "removable/*"},
	{outcome: failed, tests: string(invalid), targets: "*/iscsi", says: "ret", why: "it cannot be", kernel: "a_function"},
}

func TestJudge(t *testing.T) {
	removable := result{Target: "removable/sd", Test: simple}
	notRemovable := result{Target: "thin/sd", Test: simple, Outcome: skipped, Says: []string{"Media is not removable."}}
	dropped := result{Target: "thin/iscsi", Test: invalid, Outcome: failed, Says: []string{"ret,0"}}
	for _, c := range []struct {
		name    string
		partial bool
		results []result
		wrong   []string
	}{
		{"as reasons say", false, []result{removable, notRemovable, dropped}, nil},
		{"peers may do as they like", false, []result{removable, notRemovable, dropped,
			{Target: "fileio/sd", Test: simple, Outcome: failed}, {Target: "tcmu-runner/sd", Test: simple, Outcome: crashed}}, nil},
		{"failed without a reason", false, []result{removable, notRemovable, dropped,
			{Target: "thin/sg", Test: simple, Outcome: failed, Says: []string{"one", "two"}}},
			[]string{"thin/sg SCSI.StartStopUnit.Simple failed: one; two"}},
		{"failed where it may skip itself", true, []result{{Target: "thin/sd", Test: simple, Outcome: failed, Says: notRemovable.Says}},
			[]string{"thin/sd SCSI.StartStopUnit.Simple failed: Media is not removable."}},
		{"failed on a target of which nothing is said", true, []result{{Target: "thin/sd", Test: invalid, Outcome: failed, Says: dropped.Says}},
			[]string{"thin/sd iSCSI.iSCSIdatasn.iSCSIDataSnInvalid failed: ret,0"}},
		{"crashed without a reason", true, []result{{Target: "thin/sd", Test: simple, Outcome: crashed, Says: []string{"signal"}}},
			[]string{"thin/sd SCSI.StartStopUnit.Simple crashed: signal"}},
		{"passes nowhere", false, []result{notRemovable, dropped}, []string{"SCSI.StartStopUnit.Simple passes nowhere in removable/*"}},
		{"passes on somebody else's disk", false, []result{notRemovable, dropped, {Target: "fileio/sd", Test: simple}},
			[]string{"SCSI.StartStopUnit.Simple passes nowhere in removable/*"}},
		{"a reason nobody needs", false, []result{removable, dropped},
			[]string{"the reason \"wants a removable medium\" is needed no longer: nothing is skipped for it"}},
		{"a failure that is none any more", false, []result{removable, notRemovable, dropped, {Target: "protected/iscsi", Test: invalid}},
			[]string{"protected/iscsi iSCSI.iSCSIdatasn.iSCSIDataSnInvalid passed, in spite of the reason \"it cannot be\""}},
		{"of a part, nothing is known of the whole", true, []result{notRemovable}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(run{Complete: !c.partial, Results: c.results}, rules)
			require.Equal(t, c.wrong, v.wrong)
			require.Equal(t, len(c.wrong) == 0, v.ok())
		})
	}
}

func TestJudgeCountsOurTestsAndWhatTheyAreExplainedBy(t *testing.T) {
	v := judge(run{Results: []result{
		{Target: "thin/sd", Test: simple}, {Target: "removable/sg", Test: simple}, {Target: "fileio/sd", Test: simple},
		{Target: "thin/iscsi", Test: invalid, Outcome: failed, Says: []string{"ret,0"}},
	}}, rules)
	require.Equal(t, 2, v.passed)
	require.Empty(t, v.explains[0])
	require.Len(t, v.explains[1], 1)
}

// Each reason says what it is for: an elsewhere that exists, or whose doing it is; and failures are never about a test of
// the SCSI family that could pass.
func TestReasons(t *testing.T) {
	var targets []string
	for _, d := range disks {
		for _, f := range fabrics {
			targets = append(targets, target{d, f}.name())
		}
	}
	for _, r := range reasons {
		require.NotEmpty(t, r.why)
		require.NotEmpty(t, r.says, r.why)
		require.NotEqual(t, passed, r.outcome, r.why)
		for _, pattern := range []string{r.tests, r.targets, r.runsIn} {
			_, err := path.Match(pattern, "")
			require.NoError(t, err, r.why)
		}
		someTarget := func(pattern string) bool {
			return slices.ContainsFunc(targets, func(name string) bool { return isOurs(name) && matches(pattern, name) })
		}
		require.True(t, someTarget(r.targets), r.why)
		require.True(t, someTarget(r.runsIn), r.why)
		require.Equal(t, 1, given(r.runsIn, r.kernel, r.client), r.why)
	}
}

// What fails by chance is tried again, and nothing else is.
func TestByChance(t *testing.T) {
	x := result{Target: "thin/iscsi", Test: "SCSI.Reserve6.Logout", Outcome: failed, Says: []string{"failed with sense. RESERVATION CONFLICT"}}
	require.True(t, byChance(x))
	x.Says = []string{"timed out"}
	require.False(t, byChance(x))
}

// A test that the kernel keeps from passing everywhere need not pass where another reason sends it.
func TestHopeless(t *testing.T) {
	reasons := []reason{
		{outcome: skipped, says: "no data loss", targets: "protected/*", runsIn: "*/*"},
		{outcome: failed, says: "residual", targets: "thin/*", kernel: "tcmu"},
	}
	skips := result{Target: "protected/sd", Test: simple, Outcome: skipped, Says: []string{"no data loss"}}
	fails := result{Target: "thin/sd", Test: simple, Outcome: failed, Says: []string{"residual"}}
	require.Empty(t, judge(run{Complete: true, Results: []result{skips, fails}}, reasons).wrong)
	require.Len(t, judge(run{Complete: true, Results: []result{skips}}, reasons[:1]).wrong, 1)
}

// What fails by chance may pass, but has to pass where it always can.
func TestReasonByChance(t *testing.T) {
	reasons := []reason{{outcome: failed, tests: string(simple), targets: "*/sd", says: "ioctl", chance: true, runsIn: "*/sg"}}
	passes := result{Target: "thin/sd", Test: simple}
	fails := result{Target: "thin/sd", Test: simple, Outcome: failed, Says: []string{"ioctl failed"}}
	require.Empty(t, judge(run{Complete: true, Results: []result{passes}}, reasons).wrong)
	require.Empty(t, judge(run{Complete: true, Results: []result{fails, {Target: "thin/sg", Test: simple}}}, reasons).wrong)
	require.Len(t, judge(run{Complete: true, Results: []result{fails}}, reasons).wrong, 1)
}

func given(words ...string) int {
	return len(slices.DeleteFunc(words, func(s string) bool { return s == "" }))
}

func TestResultsAsJSON(t *testing.T) {
	text, err := json.Marshal([]result{{Target: "thin/sd", Test: simple, Outcome: crashed, Says: []string{"signal"}, Seconds: 0.5}})
	require.NoError(t, err)
	require.JSONEq(t, `[{"target": "thin/sd", "test": "SCSI.StartStopUnit.Simple", "outcome": "crashed", "says": ["signal"], "seconds": 0.5}]`, string(text))
	var back []result
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, crashed, back[0].Outcome)
	require.EqualError(t, json.Unmarshal([]byte(`[{"outcome": "lost"}]`), &back), `unknown outcome "lost"`)
}
