// Package verify proves on a running system that change log, events and rows tell the same history.
package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// Options are what a caller may choose. The zero value is fine.
type Options struct {
	// Examples is how many counter-examples are kept of each kind. Default 5.
	Examples int
	// Settle is how long to wait for the relay to publish what is waiting. If it publishes nothing in this time although something waits, that
	// is a counter-example. Default 10 s.
	Settle time.Duration
}

// Report is what was looked at and found.
type Report struct {
	Checks  []Check
	Objects int // jobs whose row was held against their last event
	Events  int // events that were held against the change log
}

// Check is one of the invariants.
type Check struct {
	Invariant int    // number
	Says      string // in a sentence
	Failures  int
	Examples  []string // the first counter-examples
}

// OK says whether no counter-example was found.
func (r Report) OK() bool {
	for _, c := range r.Checks {
		if c.Failures > 0 {
			return false
		}
	}
	return true
}

// String is the report for people, one line for each invariant and each counter-example.
func (r Report) String() string {
	var b strings.Builder
	for _, c := range r.Checks {
		verdict := "holds"
		if c.Failures > 0 {
			verdict = fmt.Sprintf("does NOT hold, %d counter-examples", c.Failures)
		}
		fmt.Fprintf(&b, "invariant %d %s: %s\n", c.Invariant, verdict, c.Says)
		for _, e := range c.Examples {
			fmt.Fprintf(&b, "  %s\n", e)
		}
	}
	fmt.Fprintf(&b, "%d events and %d jobs were checked\n", r.Events, r.Objects)
	return b.String()
}

// run is one verification, in one snapshot of the database.
type run struct {
	q        *store.Queries // of the snapshot
	now      *store.Queries // of the database as it goes on
	js       jetstream.JetStream
	examples int
	report   Report

	versions, positions, folding *Check
}

// Run checks invariants 6, 7 and 8. An error means that it could not look; what it found wrong is in the report. It changes nothing, and may run
// while the system works: it looks at one moment of the database and at the events up to it.
func Run(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, o Options) (Report, error) {
	if o.Examples == 0 {
		o.Examples = 5
	}
	if o.Settle == 0 {
		o.Settle = 10 * time.Second
	}
	stuck, err := settle(ctx, store.New(pool), o.Settle)
	if err != nil {
		return Report{}, err
	}
	v := &run{
		now: store.New(pool), js: js, examples: o.Examples,
		versions:  &Check{Invariant: 6, Says: "every change of a job has one row in the change log, numbered 1, 2, 3, the last of which is the job's version"},
		positions: &Check{Invariant: 7, Says: "positions have no gaps and are the sequences of the stream, where each change is once, in order and unaltered"},
		folding:   &Check{Invariant: 8, Says: "the last event of each job tells what its row says"},
	}
	if stuck > 0 {
		v.fail(v.positions, "%d changes wait to be published, and none was within %s: is a relay at work?", stuck, o.Settle)
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		v.q = store.New(tx)
		return v.all(ctx)
	})
	v.report.Checks = []Check{*v.versions, *v.positions, *v.folding}
	return v.report, err
}

// settle waits until everything is published, for a while. It returns how much waits if nothing was published in that time.
func settle(ctx context.Context, q *store.Queries, most time.Duration) (stuck int64, err error) {
	deadline := time.Now().Add(most)
	begin := int64(-1)
	for {
		s, err := q.VerifyState(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the state of the relay: %w", err)
		}
		if begin < 0 {
			begin = s.PublishedPosition
		}
		waiting := s.Waiting + s.LastPosition - s.PublishedPosition
		switch {
		case waiting == 0:
			return 0, nil
		case time.Now().After(deadline) && s.PublishedPosition > begin:
			return 0, nil // a busy system
		case time.Now().After(deadline):
			return waiting, nil
		}
		if err := app.Sleep(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func (v *run) fail(c *Check, format string, args ...any) {
	if c.Failures++; len(c.Examples) < v.examples {
		c.Examples = append(c.Examples, fmt.Sprintf(format, args...))
	}
}

func (v *run) all(ctx context.Context) error {
	if err := v.checkVersions(ctx); err != nil {
		return fmt.Errorf("check the versions: %w", err)
	}
	state, err := v.checkPositions(ctx)
	if err != nil {
		return fmt.Errorf("check the positions: %w", err)
	}
	last, end, err := v.checkStream(ctx, state)
	if err != nil {
		return fmt.Errorf("check the stream %s: %w", subjects.StreamEvents, err)
	}
	if err := v.checkRows(ctx, last, end); err != nil {
		return fmt.Errorf("check the rows: %w", err)
	}
	return nil
}

// object is a job for people.
type object struct {
	objectType, id int32
}

func (o object) String() string {
	if t, ok := jobTypes[change.ObjectType(o.objectType)]; ok {
		return fmt.Sprintf("%s %d", t.words, o.id)
	}
	return fmt.Sprintf("object %d of type %d", o.id, o.objectType)
}

// jobTypes are the types of objects that have events, in words and as events spell them.
var jobTypes = map[change.ObjectType]struct{ words, kind string }{
	change.BackupRoutine: {"backup routine", subjects.KindToken(proxopsv1.Kind_KIND_BACKUP_ROUTINE)},
	change.Replication:   {"replication", subjects.KindToken(proxopsv1.Kind_KIND_REPLICATION)},
	change.Job:           {"sync job", subjects.KindSync},
}

func (v *run) checkVersions(ctx context.Context) error {
	numbers, err := v.q.VerifyVersions(ctx)
	if err != nil {
		return err
	}
	for _, r := range numbers {
		v.fail(v.versions, "%s has %d changes numbered from %d to %d", object{r.ObjectTypeID, r.ObjectID}, r.Changes, r.First, r.Last)
	}
	rows, err := v.q.VerifyRows(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		o := object{r.ObjectTypeID, r.ObjectID}
		switch {
		case r.ChangeVersion == 0:
			v.fail(v.versions, "%s has no change at all", o)
		case r.RowVersion == 0:
			v.fail(v.versions, "%s is gone, but its last change, version %d, is %q", o, r.ChangeVersion, r.Event)
		default:
			v.fail(v.versions, "%s is version %d, but its last change is version %d, %q", o, r.RowVersion, r.ChangeVersion, r.Event)
		}
	}
	return nil
}

func (v *run) checkPositions(ctx context.Context) (store.VerifyStateRow, error) {
	state, err := v.q.VerifyState(ctx)
	if err != nil {
		return state, err
	}
	if state.Last != state.LastPosition {
		v.fail(v.positions, "the last position is %d, but the relay gave %d", state.Last, state.LastPosition)
	}
	if state.First > 1 {
		v.fail(v.positions, "the first position is %d, want 1", state.First)
	}
	gaps, err := v.q.VerifyGaps(ctx)
	if err != nil {
		return state, err
	}
	for _, p := range gaps {
		v.fail(v.positions, "there is no position %d before %d", p-1, p)
	}
	unnumbered, err := v.q.VerifyUnnumbered(ctx)
	if err != nil {
		return state, err
	}
	for _, c := range unnumbered {
		v.fail(v.positions, "change %d: has a position %t, waits in the outbox %t", c.ID, c.Numbered, c.Waits)
	}
	disorder, err := v.q.VerifyOrder(ctx)
	if err != nil {
		return state, err
	}
	for _, c := range disorder {
		v.fail(v.positions, "version %d of %s has position %d, before its version %d", value(c.Version), object{c.ObjectTypeID, c.ObjectID}, c.Position, value(c.Version)-1)
	}
	return state, nil
}

// streamState returns where the stream begins and ends; a stream that is missing is one without messages.
func (v *run) streamState(ctx context.Context) (jetstream.StreamState, error) {
	stream, err := v.js.Stream(ctx, subjects.StreamEvents)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return jetstream.StreamState{}, nil
	}
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return stream.CachedInfo().State, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
