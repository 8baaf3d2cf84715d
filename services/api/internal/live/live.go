// Package live streams events and the progress of sync jobs to clients as server-sent events.
//
// Whatever the number of clients, one process has one consumer of the stream EVENTS and one subscription to hints about jobs. What comes goes into
// memory that all clients share; a client is a goroutine with a position in it.
package live

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Options are what a hub works with, and its bounds. Bus, Pool and Log are required.
type Options struct {
	Bus     *bus.Bus
	Pool    *pgxpool.Pool
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: nowhere

	// Heartbeat is how often a client hears of the server at least, and who it is is asked again. Default 15 s.
	Heartbeat time.Duration
	// Patience is how long a client may take to read what was written to it at once. Default 10 s.
	Patience time.Duration
	// Retry is the pause after something that is needed could not be reached. Default 1 s.
	Retry time.Duration
	// Poll is how often jobs are looked at while NATS, and with it the hints about them, is away. Default 2 s.
	Poll time.Duration
	// Gather is how long news are gathered before clients are woken. Default 5 ms, and twenty times that for jobs.
	Gather time.Duration

	// Events and Bytes bound what is kept in memory of the events' stream. Default 8192 and 32 MiB.
	Events, Bytes int
	// Recent is how many events are read into memory at the start, for those who come back after a restart. Default 1024.
	Recent int
	// Clients bounds how many there are at once. Default 10,000.
	Clients int
}

func (o Options) withDefaults() Options {
	o.Heartbeat, o.Patience = cmp.Or(o.Heartbeat, 15*time.Second), cmp.Or(o.Patience, 10*time.Second)
	o.Retry, o.Poll, o.Gather = cmp.Or(o.Retry, time.Second), cmp.Or(o.Poll, 2*time.Second), cmp.Or(o.Gather, 5*time.Millisecond)
	o.Events, o.Bytes, o.Recent = cmp.Or(o.Events, 8192), cmp.Or(o.Bytes, 32<<20), cmp.Or(o.Recent, 1024)
	o.Clients = cmp.Or(o.Clients, 10_000)
	return o
}

// Hub is what all clients of one process share. Its methods may be called at once.
type Hub struct {
	Options

	queries  *store.Queries
	metrics  metrics
	ring     *ring
	reads    chan struct{} // places to read the stream from
	verdicts verdicts
	watches  watches
	clients  atomic.Int64
	said     string // the last trouble with the stream that was logged
}

// New returns a hub. It serves nothing new until Run is called.
func New(o Options) *Hub {
	o = o.withDefaults()
	return &Hub{
		Options: o, queries: store.New(o.Pool), metrics: newMetrics(o.Metrics), ring: newRing(o.Events, o.Bytes, o.Gather), reads: make(chan struct{}, maxReads),
		verdicts: verdicts{keep: o.Heartbeat}, watches: watches{open: map[int32]*watch{}},
	}
}

// Run follows the stream and the hints until ctx ends. It rides out every failure of NATS and Postgres, and says so in the log.
func (h *Hub) Run(ctx context.Context) error {
	return app.Run(ctx, h.follow, h.hear)
}

// errFull is the answer to one client too many.
var errFull = fault.Wrap(fault.Unavailable, resource.Detail("Too many clients listen at present. Try again later."), "open a stream")

// Enter takes a place for a client, which leave gives back. The error is fault.Unavailable if there is none.
func (h *Hub) Enter() (leave func(), err error) {
	if h.clients.Add(1) > int64(h.Clients) {
		h.clients.Add(-1)
		return nil, errFull
	}
	h.metrics.clients.Inc()
	return func() {
		h.metrics.clients.Dec()
		h.clients.Add(-1)
	}, nil
}
