package scsi

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAttentionQueue(t *testing.T) {
	u := newTestUnit(t)
	a, b := u.Join("host a"), u.Join("host b")

	a.Attend(PowerOnOccurred)
	u.Attend(ModeParametersChanged, b)
	u.Attend(CapacityDataChanged, nil)
	u.Attend(ModeParametersChanged, b)
	a.Attend(PowerOnOccurred)

	var codes []Code
	for r := a.TakeAttention(); !r.OK(); r = a.TakeAttention() {
		require.Equal(t, UnitAttention, r.Key)
		codes = append(codes, r.Code)
	}
	require.Equal(t, []Code{PowerOnOccurred, ModeParametersChanged, CapacityDataChanged}, codes,
		"oldest first, none twice")
	require.Equal(t, Check(UnitAttention, CapacityDataChanged), b.TakeAttention(), "host b caused the others")
	require.True(t, b.TakeAttention().OK())

	a.Attend(PowerOnOccurred)
	require.Equal(t, Check(UnitAttention, PowerOnOccurred), a.TakeAttention(), "again, once it has been taken")
}

// SAM-5 5.14: what tells of a reset comes first, the highest stands for all, and what is no reset is not lost by it.
func TestAttentionPrecedence(t *testing.T) {
	for _, test := range []struct{ establish, report []Code }{
		{[]Code{CapacityDataChanged, BusDeviceReset}, []Code{BusDeviceReset, CapacityDataChanged}},
		{[]Code{BusDeviceReset, PowerOnOccurred}, []Code{PowerOnOccurred}},
		{[]Code{PowerOnOccurred, BusDeviceReset}, []Code{PowerOnOccurred}},
		{[]Code{PowerOnOrReset, PowerOnOccurred, DeviceInternalReset}, []Code{PowerOnOrReset}},
		{[]Code{NexusLossOccurred, ModeParametersChanged, BusDeviceReset, BusResetOccurred}, []Code{BusResetOccurred, ModeParametersChanged}},
		{[]Code{BusDeviceReset, NexusLossOccurred, InquiryDataChanged, BusDeviceReset}, []Code{BusDeviceReset, InquiryDataChanged}},
		{[]Code{InquiryDataChanged, CapacityDataChanged, InquiryDataChanged, NexusLossOccurred},
			[]Code{NexusLossOccurred, InquiryDataChanged, CapacityDataChanged}},
	} {
		n := &Nexus{}
		for _, c := range test.establish {
			n.Attend(c)
		}
		var reported []Code
		for r := n.TakeAttention(); !r.OK(); r = n.TakeAttention() {
			reported = append(reported, r.Code)
		}
		require.Equal(t, test.report, reported, test.establish)
	}
}

func TestHeard(t *testing.T) {
	n := &Nexus{}
	n.Heard(ReportedLUNsDataChanged)
	n.Attend(ReportedLUNsDataChanged)
	n.Attend(CapacityDataChanged)
	n.Heard(ReportedLUNsDataChanged)
	require.Equal(t, Check(UnitAttention, CapacityDataChanged), n.TakeAttention())
	require.True(t, n.TakeAttention().OK())
	(*Nexus)(nil).Heard(CapacityDataChanged)
}

func TestAttentionAfterLeaving(t *testing.T) {
	u := newTestUnit(t)
	a, b := u.Join("host a"), u.Join("host b")
	u.Leave(a)
	u.Leave(a)
	u.Attend(CapacityDataChanged, nil)
	require.True(t, a.TakeAttention().OK())
	require.False(t, b.TakeAttention().OK())
}

func TestNilNexusHasNoAttention(t *testing.T) {
	var n *Nexus
	require.True(t, n.TakeAttention().OK())
}

// TestUnitUnderConcurrency is for the race detector: commands, nexuses that come and go, settings, attentions.
func TestUnitUnderConcurrency(t *testing.T) {
	const rounds = 500
	u := newTestUnit(t)
	shared := u.Join("shared")
	var wg sync.WaitGroup
	start := func(f func(i int)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range rounds {
				f(i)
			}
		}()
	}
	for range 4 {
		c := &Command{CDB: cdb(0x2a), Nexus: shared}
		start(func(int) {
			switch r := u.Do(c); {
			case r.OK(), r == WriteProtected, r == LogicalUnitNotReadyStopped:
			case r.Key == UnitAttention:
			default:
				t.Errorf("WRITE (10) ended in %v", r)
			}
		})
	}
	start(func(i int) { u.Set(WriteProtect, i%2 == 0) })
	start(func(i int) { u.Set(Stopped, i%3 == 0) })
	start(func(i int) { u.Attend(Code(0x2a00+i%4), nil) })
	start(func(int) { u.Leave(u.Join("passing")) })
	wg.Wait()
}

// TestEachAttentionIsTakenOnce: several commands of one nexus at once share its queue.
func TestEachAttentionIsTakenOnce(t *testing.T) {
	n := &Nexus{}
	const codes = 200
	for i := range codes {
		n.Attend(Code(0x2a00 + i))
	}
	var mu sync.Mutex
	taken := map[Code]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for r := n.TakeAttention(); !r.OK(); r = n.TakeAttention() {
				mu.Lock()
				taken[r.Code]++
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	require.Len(t, taken, codes)
	for c, times := range taken {
		require.Equal(t, 1, times, c)
	}
}
