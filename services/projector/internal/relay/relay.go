// Package relay publishes the change log as events, each once and in order, so that the position of a change is its sequence in the stream.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// Relay moves changes from the outbox to the stream EVENTS. Any number of them may run at once: a lock lets one work, for economy, and
// what makes it correct is that JetStream refuses a batch that does not continue the stream where its publisher believes it ends.
type Relay struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where the relay counts; nil: nowhere.
	Metrics prometheus.Registerer
	// Poll is how often an idle relay looks at the outbox. Default 25 ms.
	Poll time.Duration
	// Check is how often an idle relay holds the stream against Postgres, and a stopped one whether it may go on. Default 15 s.
	Check time.Duration

	retry   time.Duration // after a failure, or while another relay works
	idle    time.Duration // after which Postgres takes the lock from a relay that says nothing
	metrics metrics
	said    string             // the last trouble that was logged
	step    func(string) error // tests end the relay between its steps
	now     func() time.Time   // tests age changes
}

// Run relays until ctx ends. It rides out every failure of Postgres and NATS, and says so in the log.
func (r *Relay) Run(ctx context.Context) error {
	r.defaults()
	for ctx.Err() == nil {
		err := r.lead(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.complain(ctx, err)
		if err := app.Sleep(ctx, r.retry); err != nil {
			return nil
		}
	}
	return nil
}

func (r *Relay) defaults() {
	if r.Poll == 0 {
		r.Poll = 25 * time.Millisecond
	}
	if r.Check == 0 {
		r.Check = 15 * time.Second
	}
	if r.retry == 0 {
		r.retry = time.Second
	}
	if r.idle == 0 {
		r.idle = time.Minute
	}
	if r.step == nil {
		r.step = func(string) error { return nil }
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.metrics = newMetrics(r.Metrics)
}

// lead waits for its turn and works until something fails. The lock lives as long as its connection, on which the relay also looks for work:
// when it breaks, this relay stops, as another one may begin.
func (r *Relay) lead(ctx context.Context) error {
	conn, err := r.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take a connection for the relay's lock: %w", err)
	}
	// The lock must not go back into the pool with the connection.
	session := conn.Hijack()
	defer func() {
		// ctx may be done, and closing is quick.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = session.Close(closing)
	}()
	// A relay asks for work all the time. One whose machine died or stands still must not keep the lock until TCP notices.
	limits := fmt.Sprintf("SET idle_session_timeout = %d; SET idle_in_transaction_session_timeout = %[1]d", r.idle.Milliseconds())
	if _, err := session.Exec(ctx, limits); err != nil {
		return fmt.Errorf("limit the session of the relay's lock: %w", err)
	}
	for {
		leading, err := store.New(session).RelayLead(ctx)
		if err != nil {
			return fmt.Errorf("ask for the relay's lock: %w", err)
		}
		if leading {
			break
		}
		if err := app.Sleep(ctx, r.retry); err != nil {
			return err
		}
	}
	r.metrics.leading.Set(1)
	defer r.metrics.leading.Set(0)
	return r.relay(ctx, session)
}

// errOutOfStep means that the stream does not end where the relay believed. Comparing them again shows why.
var errOutOfStep = errors.New("the stream does not end where the relay left it")

// relay finds out where the stream ends and goes on from there, again and again.
func (r *Relay) relay(ctx context.Context, session *pgx.Conn) error {
	for {
		end, err := r.resume(ctx)
		var stop *stopped
		switch {
		case errors.As(err, &stop):
			r.metrics.stopped.Set(1)
			r.complain(ctx, err)
			if err := app.Sleep(ctx, r.Check); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		r.metrics.stopped.Set(0)
		r.content(ctx, end)
		if err := r.pump(ctx, session, end); !errors.Is(err, errOutOfStep) {
			return err
		}
	}
}

// complain logs a trouble once, however often it is met again.
func (r *Relay) complain(ctx context.Context, err error) {
	if text := err.Error(); text != r.said {
		r.said = text
		r.Log.ErrorContext(ctx, "events are not published", "err", err)
	}
}

// content takes a complaint back.
func (r *Relay) content(ctx context.Context, end int64) {
	if r.said != "" {
		r.said = ""
		r.Log.InfoContext(ctx, "events are published again", "position", end)
	}
}
