package relay

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	leading, stopped, position prometheus.Gauge
	events, lost               prometheus.Counter
	delay                      prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		leading: f.NewGauge(prometheus.GaugeOpts{
			Name: "proxops_relay_leading", Help: "1 while this instance is the one that publishes events.",
		}),
		stopped: f.NewGauge(prometheus.GaugeOpts{
			Name: "proxops_relay_stopped", Help: "1 while publishing is stopped because the stream EVENTS and the database do not belong together.",
		}),
		position: f.NewGauge(prometheus.GaugeOpts{
			Name: "proxops_relay_position", Help: "Position of the last change that this instance published.",
		}),
		events: f.NewCounter(prometheus.CounterOpts{
			Name: "proxops_relay_events_total", Help: "Events published by this instance.",
		}),
		lost: f.NewCounter(prometheus.CounterOpts{
			Name: "proxops_relay_lost_total", Help: "Times that the stream EVENTS had lost messages, which were published again.",
		}),
		delay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "proxops_relay_delay_seconds", Help: "Time from a change to its event.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 5, 30, 120, 600},
		}),
	}
}
