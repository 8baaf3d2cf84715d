package syncs_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/project"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

const (
	backups      = proxopsv1.Kind_KIND_BACKUP_ROUTINE
	replications = proxopsv1.Kind_KIND_REPLICATION
	inventory    = proxopsv1.Kind_KIND_INVENTORY
)

// office is everything of a projector that sync jobs meet, without its loops.
type office struct {
	*testing.T
	pool     *pgxpool.Pool
	bus      *bus.Bus
	desk     *claim.Desk
	keeper   *syncs.Keeper
	consumer *project.Consumer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	o := &office{T: t, pool: pgtest.New(t), bus: natstest.Connect(t)}
	o.keeper = &syncs.Keeper{Pool: o.pool, Bus: o.bus, Log: log}
	o.keeper.Prepare()
	o.desk = &claim.Desk{Pool: o.pool, Log: log, ClaimTimeout: 2 * time.Minute, InventoryInterval: 5 * time.Minute, Moved: o.keeper.Tell}
	o.consumer = &project.Consumer{Pool: o.pool, Log: log, Metrics: project.NewMetrics(nil), Moved: o.keeper.Tell}
	return o
}

func (o *office) exec(sql string, args ...any) {
	o.Helper()
	if _, err := o.pool.Exec(context.Background(), sql, args...); err != nil {
		o.Fatal(err)
	}
}

// all returns the only column of a query.
func (o *office) all(sql string, args ...any) []string {
	o.Helper()
	rows, err := o.pool.Query(context.Background(), sql, args...)
	if err != nil {
		o.Fatal(err)
	}
	v, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		o.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (o *office) equal(what string, got []string, want ...string) {
	o.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		o.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// endpoint makes an endpoint with credentials.
func (o *office) endpoint(name string) int32 {
	o.Helper()
	var id int32
	err := o.pool.QueryRow(context.Background(), `INSERT INTO endpoints (name, domain, sealed_credentials, poll_interval) VALUES ($1, $1 || '.example.com', '\x01', 0) RETURNING id`, name).Scan(&id)
	if err != nil {
		o.Fatal(err)
	}
	return id
}

// ask makes a job of these kinds.
func (o *office) ask(kinds []proxopsv1.Kind, endpoints ...int32) int32 {
	o.Helper()
	var id int32
	tokens := make([]string, len(kinds))
	for i, k := range kinds {
		tokens[i] = subjects.KindToken(k)
	}
	err := postgres.InTx(context.Background(), o.pool, func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(context.Background(), tx, syncjob.New{Name: "Sync", Kinds: tokens, Endpoints: endpoints, UserName: "anna", RequestID: uuid.New()})
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return id
}

func (o *office) cancel(job int32) syncjob.Cancelled {
	o.Helper()
	var c syncjob.Cancelled
	err := postgres.InTx(context.Background(), o.pool, func(tx pgx.Tx) (err error) {
		c, err = syncjob.Cancel(context.Background(), tx, job, "anna")
		return err
	})
	if err != nil {
		o.Fatal(err)
	}
	return c
}

// take claims an endpoint as the task of a job does.
func (o *office) take(endpoint int32) *proxopsv1.ClaimReply {
	o.Helper()
	reply, err := o.desk.Claim(context.Background(), "default", &proxopsv1.ClaimRequest{
		EndpointId: int64(endpoint), Poller: "p1", Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, JobId: uuid.NewString(),
	})
	if err != nil {
		o.Fatal(err)
	}
	return reply
}

// run is take when it must be granted; it returns the generation.
func (o *office) run(endpoint int32, kinds ...proxopsv1.Kind) int64 {
	o.Helper()
	c := o.take(endpoint).GetClaim()
	if c == nil || !slices.Equal(c.GetKinds(), kinds) {
		o.Fatalf("claimed %v, want %v", c.GetKinds(), kinds)
	}
	return c.GetGeneration()
}

// apply has a reading of these jobs applied, as it comes off the stream.
func (o *office) apply(endpoint int32, generation int64, kind proxopsv1.Kind, jobs ...string) {
	o.Helper()
	s := &proxopsv1.Snapshot{
		EndpointId: int64(endpoint), Generation: generation, Kind: kind, Identity: &proxopsv1.Identity{Name: "lab"},
		Requests: 3, Skipped: 1, Duration: durationpb.New(250 * time.Millisecond),
	}
	if kind == inventory {
		s.Inventory = &proxopsv1.Inventory{}
	}
	for _, id := range jobs {
		s.BackupRoutines = append(s.BackupRoutines, &proxopsv1.BackupRoutine{JobId: id, Enabled: true, RawConfig: []byte(`{}`)})
	}
	if err := digest.Seal(s); err != nil {
		o.Fatal(err)
	}
	data, err := bus.Encode(s)
	if err != nil {
		o.Fatal(err)
	}
	if err := o.consumer.Handle(context.Background(), bus.Msg{Subject: subjects.Snapshot(kind, int64(endpoint)), Data: data}); err != nil {
		o.Fatal(err)
	}
}

func (o *office) report(endpoint int32, generation int64, kinds ...*proxopsv1.KindReport) {
	o.Helper()
	if _, err := o.desk.Report(context.Background(), "default", &proxopsv1.RunReport{EndpointId: int64(endpoint), Generation: generation, Kinds: kinds}); err != nil {
		o.Fatal(err)
	}
}

func failed(kind proxopsv1.Kind, outcome proxopsv1.Outcome, e proxopsv1.ErrorKind) *proxopsv1.KindReport {
	return &proxopsv1.KindReport{Kind: kind, Outcome: outcome, Requests: 1, Duration: durationpb.New(time.Second), Error: &proxopsv1.RunError{
		Kind: e, Text: "it went wrong", Remedy: "mend it", MissingPrivilege: "/ Sys.Audit",
	}}
}

// jobs says how all jobs are: "1 completed".
func (o *office) jobs(want ...string) {
	o.Helper()
	o.equal("jobs", o.all(`SELECT concat_ws(' ', id, status, CASE WHEN error <> '' THEN '(' || error || ')' END) FROM jobs ORDER BY id`), want...)
}

// parts says how all parts are: "1 prod replication running".
func (o *office) parts(want ...string) {
	o.Helper()
	o.equal("parts", o.all(`SELECT concat_ws(' ', job_id, endpoint_name, kind, status, nullif(error_kind, '')) FROM job_parts ORDER BY job_id, endpoint_name, kind`), want...)
}

// tasks are the endpoints of the manual tasks on the queue, in its order.
func (o *office) tasks(want ...string) {
	o.Helper()
	stream, err := o.bus.JetStream().Stream(o.Context(), subjects.StreamTasks)
	if err != nil {
		o.Fatal(err)
	}
	got := []string{}
	for seq, last := stream.CachedInfo().State.FirstSeq, stream.CachedInfo().State.LastSeq; seq <= last && seq > 0; seq++ {
		if m, err := stream.GetMsg(o.Context(), seq); err == nil {
			got = append(got, m.Subject)
		}
	}
	o.equal("tasks", got, want...)
}

func (o *office) clearTasks() {
	o.Helper()
	stream, err := o.bus.JetStream().Stream(o.Context(), subjects.StreamTasks)
	if err == nil {
		err = stream.Purge(o.Context())
	}
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) mend() {
	o.Helper()
	if err := o.keeper.Mend(o.Context()); err != nil {
		o.Fatal(err)
	}
}
