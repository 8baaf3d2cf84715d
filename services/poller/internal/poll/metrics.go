package poll

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Metrics count what a poller does.
type Metrics struct {
	runs     *prometheus.CounterVec
	readings *prometheus.CounterVec
	duration prometheus.Histogram
	calls    *prometheus.HistogramVec
}

// NewMetrics registers the metrics of a poller. It panics if they are registered already.
func NewMetrics(to prometheus.Registerer) *Metrics {
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "proxops_poller_runs_total", Help: "Runs by trigger and outcome; the outcome is that of the worst kind.",
		}, []string{"trigger", "outcome"}),
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "proxops_poller_readings_total", Help: "Readings by kind, outcome and kind of error.",
		}, []string{"kind", "outcome", "error"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "proxops_poller_run_duration_seconds", Help: "Time from asking for the claim to the end of the reading.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 12),
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "proxops_poller_request_duration_seconds", Help: "Time of calls to clusters by call and status, or the kind of error.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
		}, []string{"call", "status"}),
	}
	to.MustRegister(m.runs, m.readings, m.duration, m.calls)
	return m
}

// Called observes a call to a cluster.
func (m *Metrics) Called(call, outcome string, took time.Duration) {
	m.calls.WithLabelValues(call, outcome).Observe(took.Seconds())
}

func (m *Metrics) ran(trigger proxopsv1.Trigger, outcome string) {
	m.runs.WithLabelValues(word(trigger.String(), "TRIGGER_"), outcome).Inc()
}

func (m *Metrics) ended(trigger proxopsv1.Trigger, report *proxopsv1.RunReport) {
	worst := proxopsv1.Outcome_OUTCOME_PUBLISHED
	for _, k := range report.GetKinds() {
		worst = max(worst, k.GetOutcome())
		cause := ""
		if e := k.GetError(); e != nil {
			cause = word(e.GetKind().String(), "ERROR_KIND_")
		}
		m.readings.WithLabelValues(subjects.KindToken(k.GetKind()), outcomeWord(k.GetOutcome()), cause).Inc()
	}
	m.ran(trigger, outcomeWord(worst))
	m.duration.Observe(report.GetDuration().AsDuration().Seconds())
}

func outcomeWord(o proxopsv1.Outcome) string { return word(o.String(), "OUTCOME_") }

func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }
