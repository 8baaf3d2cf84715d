package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/proto-events/subjects"
)

const day = 24 * time.Hour

// EventsMaxAge is how long EVENTS keeps a change.
const EventsMaxAge = 30 * day

// EnsureStreams makes TASKS, SNAPSHOTS and DEAD, or brings their configuration up to date. EVENTS is made by EnsureEvents,
// since only its publisher knows at which sequence it starts. Any number of instances may call it at once.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	for _, cfg := range []jetstream.StreamConfig{tasks, snapshots, dead} {
		cfg.Replicas = b.replicas
		if _, err := b.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create or update stream %s at %s: %w", cfg.Name, b.where, err)
		}
	}
	return nil
}

// EnsureEvents makes EVENTS so that its next message gets the sequence firstSeq, or, if the stream is there, brings its
// configuration up to date and leaves its messages and sequences alone: compare its state to know which it was.
func (b *Bus) EnsureEvents(ctx context.Context, firstSeq uint64) error {
	cfg := events
	cfg.Replicas = b.replicas
	cfg.FirstSeq = max(1, firstSeq)
	_, err := b.js.CreateStream(ctx, cfg)
	if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		if err != nil {
			return fmt.Errorf("create stream %s at %s: %w", cfg.Name, b.where, err)
		}
		return nil
	}
	has, err := b.js.Stream(ctx, cfg.Name)
	if err != nil {
		return fmt.Errorf("look at stream %s at %s: %w", cfg.Name, b.where, err)
	}
	cfg.FirstSeq = has.CachedInfo().Config.FirstSeq // is fixed at creation
	if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("update stream %s at %s: %w", cfg.Name, b.where, err)
	}
	return nil
}

// WrongLastSequence says whether a message was refused because the stream, or its subject, does not end where the publisher
// expected: somebody else wrote meanwhile.
func WrongLastSequence(err error) bool {
	apiErr, ok := errors.AsType[*jetstream.APIError](err)
	return ok && apiErr.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

// tasks is a work queue with the schedules that fill it. A tick rolls up the one before it that nobody took, and may
// carry a time to live.
var tasks = jetstream.StreamConfig{
	Name:              subjects.StreamTasks,
	Description:       "what pollers are to do, and the schedules of it",
	Subjects:          []string{subjects.AllSchedules, subjects.AllTasks, subjects.AllTimers, subjects.AllDue},
	Retention:         jetstream.WorkQueuePolicy,
	AllowMsgSchedules: true,
	AllowRollup:       true,
	AllowMsgTTL:       true,
	AllowDirect:       true,
}

// snapshots discards new messages at its limit: a poller that hears of it is better than one whose reading is lost.
var snapshots = jetstream.StreamConfig{
	Name:        subjects.StreamSnapshots,
	Description: "complete readings of clusters",
	Subjects:    []string{subjects.AllSnapshots},
	Retention:   jetstream.LimitsPolicy,
	Discard:     jetstream.DiscardNew,
	MaxAge:      72 * time.Hour,
	AllowDirect: true,
}

// events has positions for sequences, so nothing may be taken out of its middle.
var events = jetstream.StreamConfig{
	Name:               subjects.StreamEvents,
	Description:        "every change of a job, once, in order",
	Subjects:           []string{subjects.AllEvents},
	Retention:          jetstream.LimitsPolicy,
	MaxAge:             EventsMaxAge,
	AllowAtomicPublish: true,
	AllowDirect:        true,
	DenyDelete:         true,
}

// dead keeps what was given up, and the server's own notes about it.
var dead = jetstream.StreamConfig{
	Name:        subjects.StreamDead,
	Description: "messages that were given up, with the reason",
	Subjects: []string{
		subjects.AllDead,
		"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
		"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
	},
	Retention:   jetstream.LimitsPolicy,
	MaxAge:      30 * day,
	AllowDirect: true,
}
