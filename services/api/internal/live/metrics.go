package live

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	clients                    prometheus.Gauge
	events, resets, slow, read prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		clients: f.NewGauge(prometheus.GaugeOpts{Name: "proxops_live_clients", Help: "Clients that listen to events, or to the progress of a job."}),
		events:  f.NewCounter(prometheus.CounterOpts{Name: "proxops_live_events_total", Help: "Events received for all clients together."}),
		resets:  f.NewCounter(prometheus.CounterOpts{Name: "proxops_live_resets_total", Help: "Times that a client was told to load everything again, as events it lacks are gone."}),
		slow:    f.NewCounter(prometheus.CounterOpts{Name: "proxops_live_slow_total", Help: "Clients that were dropped as they did not read."}),
		read:    f.NewCounter(prometheus.CounterOpts{Name: "proxops_live_reads_total", Help: "Reads of the stream for clients that came back after more than is kept in memory."}),
	}
}
