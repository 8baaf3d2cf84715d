// Package syncs keeps sync jobs going: it joins what they wait for to runs, settles it with what runs bring, and puts tasks on the queue.
package syncs

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// Moved is what a transaction did for sync jobs. Others hear of it after the commit.
type Moved struct {
	Endpoint int32
	// Jobs are those whose parts changed.
	Jobs []int32
	// Waiting says that jobs wait for a run of the endpoint, which nothing reads now.
	Waiting bool
}

// Outcome is what a run brought of one kind.
type Outcome struct {
	// Status of the parts: completed, partial, failed, errored.
	Status                                                   string
	Created, Updated, Unchanged, Stale, Reactivated, Skipped int
	Requests                                                 uint32
	Duration                                                 time.Duration
	// Failure is zero if the status is completed.
	Failure Failure
}

// Failure is why something was not read, in the words of tables: a kind of error, one sentence, what to do, and the privilege that is missing.
type Failure struct{ Kind, Text, Remedy, Privilege string }

// maxAttempts is how many runs may begin for a part and end in silence.
const maxAttempts = 3

// part is a part of a job whose status changed.
type part struct {
	job      int32
	endpoint string
	kind     string
}

// Join joins what jobs wait for, of these kinds of an endpoint, to the run with this generation, and returns the jobs. The caller holds the lock of
// the endpoint, here and below.
func Join(ctx context.Context, tx pgx.Tx, endpoint int32, generation int64, kinds []string, poller string) ([]int32, error) {
	rows, err := store.New(tx).JobPartsStart(ctx, generation, endpoint, kinds)
	if err != nil {
		return nil, fmt.Errorf("join sync jobs to the run: %w", err)
	}
	parts := make([]part, len(rows))
	for i, r := range rows {
		parts[i] = part{r.JobID, r.EndpointName, r.Kind}
	}
	jobs := jobsOf(parts)
	if err := syncjob.Started(ctx, tx, jobs); err != nil {
		return nil, err
	}
	return jobs, tell(ctx, tx, "info", parts, func(endpoint, types string) string {
		return fmt.Sprintf("%s: poller %s reads %s in run %d", endpoint, poller, types, generation)
	})
}

// Settle gives the parts that a run reads of one kind their outcome, and returns their jobs.
func Settle(ctx context.Context, tx pgx.Tx, endpoint int32, generation int64, kind string, o Outcome) ([]int32, error) {
	rows, err := store.New(tx).JobPartsSettle(ctx, store.JobPartsSettleParams{
		EndpointID: endpoint, Generation: generation, Kind: kind, Status: o.Status,
		Created: int32(o.Created), Updated: int32(o.Updated), Unchanged: int32(o.Unchanged), Stale: int32(o.Stale), Reactivated: int32(o.Reactivated),
		Skipped: int32(o.Skipped), Requests: int32(o.Requests), Duration: o.Duration,
		ErrorKind: o.Failure.Kind, ErrorText: o.Failure.Text, Remedy: o.Failure.Remedy, MissingPrivilege: o.Failure.Privilege,
	})
	if err != nil {
		return nil, fmt.Errorf("settle %s of sync jobs: %w", kind, err)
	}
	parts := make([]part, len(rows))
	for i, r := range rows {
		parts[i] = part{r.JobID, r.EndpointName, r.Kind}
	}
	level := "info"
	if o.Status != "completed" {
		level = "error"
	}
	return jobsOf(parts), tell(ctx, tx, level, parts, func(endpoint, types string) string { return endpoint + ": " + types + " " + o.String() })
}

// String says how a reading ended, for people.
func (o Outcome) String() string {
	cost := fmt.Sprintf("%d requests in %s", o.Requests, o.Duration.Round(time.Millisecond))
	if o.Requests == 1 {
		cost = "one request in " + o.Duration.Round(time.Millisecond).String()
	}
	if o.Status != "completed" {
		return fmt.Sprintf("%s after %s: %s (%s)", o.Status, cost, o.Failure.Text, o.Failure.Remedy)
	}
	return fmt.Sprintf("read with %s: %d created, %d updated, %d unchanged, %d stale, %d reactivated, %d skipped",
		cost, o.Created, o.Updated, o.Unchanged, o.Stale, o.Reactivated, o.Skipped)
}

// Refuse fails what jobs wait for of an endpoint that cannot be read, and returns the jobs.
func Refuse(ctx context.Context, tx pgx.Tx, endpoint int32, f Failure) ([]int32, error) {
	return refuse(ctx, tx, endpoint, "failed", f, nil)
}

// GiveUp is Refuse for jobs that were asked for by the time when nobody had managed to begin a run. Later ones have a task of their own.
func GiveUp(ctx context.Context, tx pgx.Tx, endpoint int32, at time.Time, f Failure) ([]int32, error) {
	return refuse(ctx, tx, endpoint, "errored", f, &at)
}

func refuse(ctx context.Context, tx pgx.Tx, endpoint int32, status string, f Failure, askedBy *time.Time) ([]int32, error) {
	rows, err := store.New(tx).JobPartsRefuse(ctx, store.JobPartsRefuseParams{
		EndpointID: endpoint, Status: status, ErrorKind: f.Kind, ErrorText: f.Text, Remedy: f.Remedy, AskedBy: askedBy,
	})
	if err != nil {
		return nil, fmt.Errorf("fail what sync jobs wait for: %w", err)
	}
	parts := make([]part, len(rows))
	for i, r := range rows {
		parts[i] = part{r.JobID, r.EndpointName, r.Kind}
	}
	return jobsOf(parts), tell(ctx, tx, "error", parts, func(endpoint, types string) string {
		return fmt.Sprintf("%s: %s not read: %s (%s)", endpoint, types, f.Text, f.Remedy)
	})
}

// Abandoned lets what a poller gave back of a kind wait for another run, and returns the jobs. That is no fault, so it may happen any number of times.
func Abandoned(ctx context.Context, tx pgx.Tx, endpoint int32, kind string) ([]int32, error) {
	return giveBack(ctx, tx, store.JobPartsGiveBackParams{EndpointIds: []int32{endpoint}, Kinds: []string{kind}, Most: math.MaxInt32, Forgiven: 1})
}

// Silent lets what pollers took of endpoints and never brought wait for another run, and returns the jobs. It fails what went that way too often.
func Silent(ctx context.Context, tx pgx.Tx, endpoints ...int32) ([]int32, error) {
	return giveBack(ctx, tx, store.JobPartsGiveBackParams{
		EndpointIds: endpoints, Kinds: []string{}, Most: maxAttempts,
		ErrorText: fmt.Sprintf("%d pollers in a row took the run and went silent", maxAttempts),
		Remedy:    "look whether the pollers of the endpoint's site run and reach NATS, and at their logs",
	})
}

func giveBack(ctx context.Context, tx pgx.Tx, p store.JobPartsGiveBackParams) ([]int32, error) {
	rows, err := store.New(tx).JobPartsGiveBack(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("have sync jobs wait for another run: %w", err)
	}
	var again, failed []part
	for _, r := range rows {
		of := part{r.JobID, r.EndpointName, r.Kind}
		if r.Status == "pending" {
			again = append(again, of)
		} else {
			failed = append(failed, of)
		}
	}
	err = tell(ctx, tx, "warning", again, func(endpoint, types string) string {
		return fmt.Sprintf("%s: the run that read %s brought no result; another one follows", endpoint, types)
	})
	if err != nil {
		return nil, err
	}
	err = tell(ctx, tx, "error", failed, func(endpoint, types string) string {
		return fmt.Sprintf("%s: %s not read: %s (%s)", endpoint, types, p.ErrorText, p.Remedy)
	})
	return jobsOf(append(again, failed...)), err
}

// tell writes one line into the log of each job for what happened to its parts on one endpoint.
func tell(ctx context.Context, tx pgx.Tx, level string, parts []part, say func(endpoint, types string) string) error {
	type place struct {
		job      int32
		endpoint string
	}
	types := map[place][]string{}
	var order []place
	for _, p := range parts {
		at := place{p.job, p.endpoint}
		if types[at] == nil {
			order = append(order, at)
		}
		types[at] = append(types[at], syncjob.TypeOf(p.kind))
	}
	lines := make([]syncjob.Entry, len(order))
	for i, at := range order {
		slices.Sort(types[at])
		lines[i] = syncjob.Entry{Job: at.job, Level: level, Message: say(at.endpoint, strings.Join(types[at], ", "))}
	}
	return syncjob.Log(ctx, tx, lines...)
}

// jobsOf returns the jobs of parts, each once.
func jobsOf(parts []part) []int32 {
	var jobs []int32
	for _, p := range parts {
		jobs = append(jobs, p.job)
	}
	slices.Sort(jobs)
	return slices.Compact(jobs)
}
