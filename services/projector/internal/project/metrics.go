package project

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Metrics counts what snapshots did.
type Metrics struct {
	outcomes, objects *prometheus.CounterVec
	duration          *prometheus.HistogramVec
}

// NewMetrics registers with reg; nil: nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		outcomes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "proxops_projector_snapshots_total", Help: "Snapshots handled, by kind and by what became of them.",
		}, []string{"kind", "outcome"}),
		objects: f.NewCounterVec(prometheus.CounterOpts{
			Name: "proxops_projector_objects_total", Help: "Jobs or inventory objects that snapshots created, updated, made stale or reactivated.",
		}, []string{"kind", "change"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "proxops_projector_apply_seconds", Help: "Time to apply a snapshot, with its commit.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"kind", "outcome"}),
	}
}

func (m *Metrics) record(s *proxopsv1.Snapshot, r Result, took time.Duration) {
	kind := subjects.KindToken(s.GetKind())
	m.outcomes.WithLabelValues(kind, string(r.Outcome)).Inc()
	m.duration.WithLabelValues(kind, string(r.Outcome)).Observe(took.Seconds())
	for name, n := range map[string]int{"created": r.Created, "updated": r.Updated, "stale": r.Stale, "reactivated": r.Reactivated} {
		m.objects.WithLabelValues(kind, name).Add(float64(n))
	}
}
