// Package obs makes what a service is observed by: its logger and its metrics.
package obs

import (
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/proxops/proxops/libs/app"
)

// LogConfig says how a service logs. It is meant to be embedded in the configuration of a command.
type LogConfig struct {
	Format string     `help:"How lines of the log are written: text or json." enum:"text,json" default:"json" env:"LOG_FORMAT"`
	Level  slog.Level `help:"Least level of the lines that are logged: debug, info, warn or error." default:"info" env:"LOG_LEVEL"`
}

// NewLogger returns a logger that writes to w. Times are in UTC. It hides nothing by itself: secrets have a type that does.
func NewLogger(w io.Writer, cfg LogConfig) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: utc}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// Discard returns a logger that writes nothing, for whoever was given none.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// NewRegistry returns a registry with the metrics of the Go runtime, of the process, and proxops_build_info, whose labels
// say which service in which version runs.
func NewRegistry(service string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "proxops_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"service": service, "version": app.Version()},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}
