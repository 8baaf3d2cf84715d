// Package dead ends the runs of messages that were given up, so that people see why nothing was read.
package dead

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Registrar takes note of what arrives in the stream DEAD. Any number of them may run at once.
type Registrar struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where deaths are counted; nil: nowhere.
	Metrics prometheus.Registerer
	// Snapshot fails the run of a snapshot that is given up, if it has no outcome yet. Whoever gives one up in an orderly way has called it.
	Snapshot func(ctx context.Context, m bus.Msg, reason error) error
	// Moved hears, after the commit, what became of sync jobs. Nil: nobody cares.
	Moved func(ctx context.Context, m syncs.Moved)

	deaths *prometheus.CounterVec
}

// Run consumes until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	r.defaults()
	return r.Bus.Consume(ctx, bus.ConsumerConfig{Stream: subjects.StreamDead, Name: subjects.ConsumerDead}, r.Handle)
}

func (r *Registrar) defaults() {
	r.deaths = promauto.With(r.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "proxops_dead_messages_total", Help: "Messages that were given up.",
	}, []string{"stream", "consumer"})
}

// maxReason bounds, in bytes, what is stored of a reason.
const maxReason = 2000

// The server's own notes in the stream DEAD.
const (
	maxDeliveries = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."
	terminated    = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED."
)

// Handle takes note of one message of the stream DEAD.
func (r *Registrar) Handle(ctx context.Context, m bus.Msg) error {
	switch {
	case strings.HasPrefix(m.Subject, maxDeliveries):
		return r.exhausted(ctx, m)
	case strings.HasPrefix(m.Subject, terminated):
		return nil // it was buried in this stream as well, by whoever terminated it
	}
	stream, consumer := m.Header.Get(bus.HeaderStream), m.Header.Get(bus.HeaderConsumer)
	r.deaths.WithLabelValues(stream, consumer).Inc()
	if stream != subjects.StreamTasks {
		return nil
	}
	return r.task(ctx, m.Header.Get(bus.HeaderSubject), m.Data, errors.New(cmp.Or(m.Header.Get(bus.HeaderReason), "no reason given")), m.Published)
}

// task fails a run that no poller could begin: the claim was never asked for, or its holder died of it.
func (r *Registrar) task(ctx context.Context, subject string, data []byte, reason error, givenUp time.Time) error {
	endpoint, ok := subjects.ParseTask(subject)
	if !ok {
		return fault.New(fault.Invalid, "a given up task has the subject %q", subject)
	}
	kinds := []string{subjects.KindToken(proxopsv1.Kind_KIND_BACKUP_ROUTINE), subjects.KindToken(proxopsv1.Kind_KIND_REPLICATION)}
	task := &proxopsv1.Task{}
	if err := bus.Decode(data, task); err == nil && len(task.GetKinds()) > 0 { // the reason says what is wrong with one that cannot be read
		kinds = kinds[:0]
		for _, k := range task.GetKinds() {
			if token := subjects.KindToken(k); subjects.ParseKind(token) != proxopsv1.Kind_KIND_UNSPECIFIED {
				kinds = append(kinds, token)
			}
		}
	}
	var failed int64
	var moved syncs.Moved
	why := syncs.Failure{
		Kind: "internal", Text: "no poller could begin the run: " + postgres.Text(reason.Error(), maxReason),
		Remedy: "look whether the pollers of the endpoint's site run, and at their logs",
	}
	err := postgres.InTx(ctx, r.Pool, func(tx pgx.Tx) error {
		moved = syncs.Moved{Endpoint: endpoint}
		q := store.New(tx)
		if _, err := q.EndpointLock(ctx, endpoint); errors.Is(err, pgx.ErrNoRows) {
			return nil
		} else if err != nil {
			return fmt.Errorf("lock the endpoint: %w", err)
		}
		var err error
		// By the clocks of two servers, which is good enough for what only a person reads, until the next run.
		failed, err = q.DeadTaskFail(ctx, store.DeadTaskFailParams{
			EndpointID: endpoint, Kinds: kinds, GivenUp: givenUp,
			ErrorText: why.Text, Remedy: why.Remedy + "; the next tick tries again",
		})
		if err != nil || task.GetJobId() == "" {
			return err
		}
		moved.Jobs, err = syncs.GiveUp(ctx, tx, endpoint, givenUp, why)
		return err
	})
	if err != nil {
		return fmt.Errorf("fail the run of a given up task of endpoint %d: %w", endpoint, err)
	}
	if r.Moved != nil {
		r.Moved(ctx, moved)
	}
	r.Log.WarnContext(ctx, "task given up", "endpoint_id", endpoint, "kinds", kinds, "failed", failed, "reason", reason.Error())
	return nil
}

// exhausted deals with a message that the server no longer delivers. Our consumers never let it come to that, but one that somebody made with
// other settings may: in a work queue such a message would stay for ever.
func (r *Registrar) exhausted(ctx context.Context, m bus.Msg) error {
	var note struct {
		Stream     string `json:"stream"`
		Consumer   string `json:"consumer"`
		StreamSeq  uint64 `json:"stream_seq"`
		Deliveries int    `json:"deliveries"`
	}
	if err := json.Unmarshal(m.Data, &note); err != nil {
		return fault.Wrap(fault.Invalid, err, "read a note of the server on %s", m.Subject)
	}
	if note.Stream != subjects.StreamTasks && note.Stream != subjects.StreamSnapshots {
		return nil
	}
	r.deaths.WithLabelValues(note.Stream, note.Consumer).Inc()
	stream, err := r.Bus.JetStream().Stream(ctx, note.Stream)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", note.Stream, err)
	}
	dead, err := stream.GetMsg(ctx, note.StreamSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read message %d of stream %s: %w", note.StreamSeq, note.Stream, err)
	}
	reason := fmt.Errorf("none of %d deliveries to consumer %s was settled", note.Deliveries, note.Consumer)
	if note.Stream == subjects.StreamSnapshots {
		return r.Snapshot(ctx, bus.Msg{Subject: dead.Subject, Data: dead.Data, Header: dead.Header, Stream: note.Stream, Sequence: note.StreamSeq}, reason)
	}
	if err := r.task(ctx, dead.Subject, dead.Data, reason, m.Published); err != nil {
		return err
	}
	if err := stream.DeleteMsg(ctx, note.StreamSeq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("remove message %d from stream %s: %w", note.StreamSeq, note.Stream, err)
	}
	return nil
}
