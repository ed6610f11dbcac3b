package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// traffic is that of commands of 512 bytes that took so long each, and fall into the bucket at i.
func traffic(i int, commands uint64, each time.Duration) control.Traffic {
	t := control.Traffic{Commands: commands, Bytes: 512 * commands, Time: time.Duration(commands) * each}
	t.Latency[i] = commands
	return t
}

func TestLatencyBounds(t *testing.T) {
	require.Equal(t, time.Microsecond, control.LatencyBound(0))
	require.Equal(t, 1024*time.Microsecond, control.LatencyBound(10))
	require.Equal(t, 8388608*time.Microsecond, control.LatencyBound(control.LatencyBuckets-2))
}

func TestTrafficSince(t *testing.T) {
	before := traffic(3, 10, 6*time.Microsecond)
	after := before.Plus(traffic(5, 4, 20*time.Microsecond))
	require.Equal(t, traffic(5, 4, 20*time.Microsecond), after.Since(before))
	require.Equal(t, control.Traffic{}, after.Since(after))
	require.Equal(t, before, before.Since(after), "a daemon that was started again counts from zero")
}

func TestMeanLatency(t *testing.T) {
	require.Zero(t, control.Traffic{}.Mean())
	require.Equal(t, 12*time.Microsecond, traffic(4, 3, 12*time.Microsecond).Mean())
}

func TestQuantiles(t *testing.T) {
	both := traffic(3, 90, 6*time.Microsecond).Plus(traffic(10, 10, time.Millisecond))
	for _, tt := range []struct {
		name    string
		traffic control.Traffic
		q       float64
		want    time.Duration
	}{
		{"nothing", control.Traffic{}, 0.99, 0},
		{"half way through one bucket", traffic(3, 100, 6*time.Microsecond), 0.5, 6 * time.Microsecond}, // 4 to 8 µs
		{"all of one bucket", traffic(3, 100, 6*time.Microsecond), 1, 8 * time.Microsecond},
		{"from zero in the first", traffic(0, 4, time.Microsecond), 0.25, 250 * time.Nanosecond},
		{"where one bucket ends", both, 0.9, 8 * time.Microsecond},
		{"in the slow ones", both, 0.95, 768 * time.Microsecond}, // half way from 512 to 1024 µs
		{"beyond all bounds", traffic(control.LatencyBuckets-1, 5, time.Minute), 0.99, 8388608 * time.Microsecond},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.traffic.Quantile(tt.q)) })
	}
}
