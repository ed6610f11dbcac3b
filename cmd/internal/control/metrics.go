package control

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcmud/tcmud/scsi"
)

// What Prometheus is told of each device, besides its own metrics of a Go process. There is a library that is smaller,
// VictoriaMetrics/metrics; it has no histograms with bounds of one's own, nor the check of names that the test makes.
var (
	buildInfo = prometheus.NewDesc("tcmud_build_info",
		"Always 1; the label says which version of tcmud runs.", []string{"version"}, nil)
	deviceState = prometheus.NewDesc("tcmud_device_state",
		"1 for the state that the device is in, 0 for the others.", of("state"), nil)
	deviceSize = prometheus.NewDesc("tcmud_device_size_bytes",
		"Size that initiators see; 0 while the device is not served.", of(), nil)
	commandDuration = prometheus.NewDesc("tcmud_command_duration_seconds",
		"Time from when a command was handed to the disk to when it was done; op is read, write or other.", of("op"), nil)
	transferred = prometheus.NewDesc("tcmud_transferred_bytes_total",
		"Data of the commands that ended well; op is read, write or other.", of("op"), nil)
	commandErrors = prometheus.NewDesc("tcmud_command_errors_total",
		"Commands that did not end well, by sense key or status.", of("error"), nil)
	commandsInFlight = prometheus.NewDesc("tcmud_commands_in_flight",
		"Commands taken from the ring and not answered yet.", of(), nil)
	commandsOverdue = prometheus.NewDesc("tcmud_commands_overdue",
		"Commands in flight for 15 seconds or longer.", of(), nil)
	commandsAbandoned = prometheus.NewDesc("tcmud_commands_abandoned_total",
		"Commands ended because their store had them for longer than store_timeout.", of(), nil)
	conflicts = prometheus.NewDesc("tcmud_reservation_conflicts_total",
		"Commands of an I_T nexus that ended in RESERVATION CONFLICT; of devices whose disk keeps reservations itself.", of(), nil)
	generation = prometheus.NewDesc("tcmud_reservation_generation",
		"PRGENERATION of a disk that keeps reservations itself: how often its registrations have changed.", of(), nil)
	registrations = prometheus.NewDesc("tcmud_reservation_registrations",
		"Registrations for persistent reservations of a disk that keeps them itself.", of(), nil)
	panics = prometheus.NewDesc("tcmud_command_panics_total",
		"Commands that a fault of tcmud's own has ended.", of(), nil)
)

// of is the labels of a device's metric.
func of(more ...string) []string { return append([]string{"hba", "device", "kind"}, more...) }

// alwaysTold are the errors that a metric is there for also while none has occurred, so that a rate sees the first one.
var alwaysTold = []scsi.Key{scsi.NotReady, scsi.MediumError, scsi.HardwareError, scsi.DataProtect}

// states are the states of a device.
var states = []State{Attaching, Serving, Failed, Draining}

// metricsHandler answers Prometheus. A few may ask at once; no one of them waits long.
func metricsHandler(src Source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{src}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8, Timeout: requestTime / 2,
	})
}

// collector makes metrics of a Source whenever they are asked for.
type collector struct{ src Source }

// Describe is part of prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildInfo, deviceState, deviceSize, commandDuration, transferred, commandErrors, commandsInFlight, commandsOverdue, commandsAbandoned,
		panics, conflicts, generation, registrations,
	} {
		to <- d
	}
}

// Collect is part of prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(buildInfo, prometheus.GaugeValue, 1, label(c.src.Version()))
	for _, d := range c.src.Devices() {
		deviceMetrics{to, []string{strconv.Itoa(d.HBA), label(d.Name), d.Kind()}}.send(d)
	}
}

// deviceMetrics sends the metrics of a device, whose labels these are.
type deviceMetrics struct {
	to     chan<- prometheus.Metric
	labels []string
}

func (m deviceMetrics) send(d Device) {
	for _, s := range states {
		is := 0.0
		if d.State == s {
			is = 1
		}
		m.gauge(deviceState, is, string(s))
	}
	m.gauge(deviceSize, float64(d.Size))
	m.gauge(commandsInFlight, float64(d.Counters.InFlight))
	m.gauge(commandsOverdue, float64(d.Counters.Overdue))
	m.counter(commandsAbandoned, d.Counters.Abandoned)
	m.counter(panics, d.Counters.Panics)
	if d.Nexus != nil || d.Reserving != nil {
		m.counter(conflicts, d.Counters.Errors[ErrorName(scsi.ReservationConflict)])
	}
	if r := d.Reserving; r != nil {
		m.gauge(generation, float64(r.Generation))
		m.gauge(registrations, float64(r.Registrations))
	}
	m.traffic("read", d.Counters.Read)
	m.traffic("write", d.Counters.Write)
	m.traffic("other", d.Counters.Other)
	for _, key := range alwaysTold {
		if name := ErrorName(key); d.Counters.Errors[name] == 0 {
			m.counter(commandErrors, 0, name)
		}
	}
	for name, n := range d.Counters.Errors {
		m.counter(commandErrors, n, name)
	}
}

func (m deviceMetrics) gauge(d *prometheus.Desc, v float64, more ...string) {
	m.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, m.with(more)...)
}

func (m deviceMetrics) counter(d *prometheus.Desc, n uint64, more ...string) {
	m.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), m.with(more)...)
}

// traffic sends a histogram, whose buckets hold all below their bounds, and the bytes.
func (m deviceMetrics) traffic(op string, t Traffic) {
	buckets := make(map[float64]uint64, LatencyBuckets-1)
	var all uint64
	for i, n := range t.Latency[:LatencyBuckets-1] {
		all += n
		buckets[LatencyBound(i).Seconds()] = all
	}
	all += t.Latency[LatencyBuckets-1]
	m.to <- prometheus.MustNewConstHistogram(commandDuration, all, t.Time.Seconds(), buckets, m.with([]string{op})...)
	m.counter(transferred, t.Bytes, op)
}

func (m deviceMetrics) with(more []string) []string { return slices.Concat(m.labels, more) }

// label is text as a label can carry it: configfs takes names that are no UTF-8, and Prometheus does not.
func label(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return fmt.Sprintf("%+q", text)
}
