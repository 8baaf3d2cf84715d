package project_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/project"
)

const (
	backups      = proxopsv1.Kind_KIND_BACKUP_ROUTINE
	replications = proxopsv1.Kind_KIND_REPLICATION
	inventory    = proxopsv1.Kind_KIND_INVENTORY
)

// lab is a database with a claim desk.
type lab struct {
	testing.TB
	pool *pgxpool.Pool
	desk *claim.Desk
}

func newLab(tb testing.TB) *lab {
	tb.Helper()
	pool := pgtest.New(tb)
	return &lab{tb, pool, &claim.Desk{Pool: pool, Log: slog.New(slog.DiscardHandler), ClaimTimeout: time.Minute, InventoryInterval: time.Minute}}
}

// endpoint makes an endpoint that can be claimed.
func (l *lab) endpoint(name string) int32 {
	l.Helper()
	return one[int32](l, `INSERT INTO endpoints (name, domain, sealed_credentials) VALUES ($1, $1 || '.example.com', '\x01') RETURNING id`, name)
}

// claim issues a generation for these kinds, even if another run holds the endpoint.
func (l *lab) claim(endpoint int32, kinds ...proxopsv1.Kind) int64 {
	l.Helper()
	l.exec(`UPDATE endpoint_states SET claim_expires_at = now() - interval '1 s', next_attempt_at = NULL WHERE endpoint_id = $1`, endpoint)
	reply, err := l.desk.Claim(context.Background(), "default", &proxopsv1.ClaimRequest{
		EndpointId: int64(endpoint), Poller: "lab", Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, Kinds: kinds,
	})
	if err != nil || reply.GetClaim() == nil {
		l.Fatalf("claim of endpoint %d: %v, %v", endpoint, reply, err)
	}
	return reply.GetClaim().GetGeneration()
}

// apply claims the endpoint of the snapshot and applies it in that run.
func (l *lab) apply(s *proxopsv1.Snapshot) project.Result {
	l.Helper()
	s.Generation = l.claim(int32(s.GetEndpointId()), s.GetKind())
	return l.applyAs(s)
}

// applyAs applies a snapshot with the generation it has.
func (l *lab) applyAs(s *proxopsv1.Snapshot) project.Result {
	l.Helper()
	result, err := l.try(s)
	if err != nil {
		l.Fatal(err)
	}
	return result
}

func (l *lab) try(s *proxopsv1.Snapshot) (result project.Result, err error) {
	if err := digest.Seal(s); err != nil {
		return result, err
	}
	if err := project.Check(s); err != nil {
		return result, err
	}
	err = postgres.InTx(context.Background(), l.pool, func(tx pgx.Tx) (err error) {
		result, err = project.Snapshot(context.Background(), tx, s)
		return err
	})
	return result, err
}

func (l *lab) exec(sql string, args ...any) {
	l.Helper()
	if _, err := l.pool.Exec(context.Background(), sql, args...); err != nil {
		l.Fatal(err)
	}
}

// one returns the only value of a query.
func one[T any](l *lab, sql string, args ...any) T {
	l.Helper()
	rows, err := l.pool.Query(context.Background(), sql, args...)
	if err != nil {
		l.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
	return v
}

// all returns the only column of a query.
func all[T any](l *lab, sql string, args ...any) []T {
	l.Helper()
	rows, err := l.pool.Query(context.Background(), sql, args...)
	if err != nil {
		l.Fatal(err)
	}
	v, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
	return v
}

// changes lists the change rows of a job: "1 created", "2 updated comment,schedule", ...
func (l *lab) changes(kind change.ObjectType, endpoint int32, key string) []string {
	l.Helper()
	table, column := "backup_routines", "job_id"
	if kind == change.Replication {
		table, column = "replications", "replication_id"
	}
	id := one[int32](l, fmt.Sprintf(`SELECT id FROM %s WHERE endpoint_id = $1 AND %s = $2`, table, column), endpoint, key)
	return all[string](l, `SELECT rtrim(version || ' ' || event || ' ' || array_to_string(changed, ',')) FROM changes
		WHERE object_type_id = $1 AND object_id = $2 ORDER BY id`, kind, id)
}

// dump is everything that a sync writes, for tests that something changed nothing.
func (l *lab) dump() map[string]string {
	l.Helper()
	d := map[string]string{}
	for _, table := range []string{
		"backup_routines", "replications", "changes", "outbox", "nodes", "storages", "virtual_machines", "clusters", "proxmox_clusters",
		"endpoint_states", "sync_states", "tagged_items",
	} {
		d[table] = one[string](l, `SELECT coalesce(string_agg(t::text || ' ' || t.xmin::text, E'\n' ORDER BY t::text), '') FROM `+table+` t`)
	}
	return d
}

func counts(r project.Result) [5]int {
	return [5]int{r.Created, r.Updated, r.Unchanged, r.Stale, r.Reactivated}
}

func snapshot(endpoint int32, kind proxopsv1.Kind) *proxopsv1.Snapshot {
	return &proxopsv1.Snapshot{EndpointId: int64(endpoint), Kind: kind, Identity: &proxopsv1.Identity{Name: "lab"}}
}

func routinesOf(endpoint int32, jobs ...*proxopsv1.BackupRoutine) *proxopsv1.Snapshot {
	s := snapshot(endpoint, backups)
	s.BackupRoutines = jobs
	return s
}

func replicationsOf(endpoint int32, jobs ...*proxopsv1.Replication) *proxopsv1.Snapshot {
	s := snapshot(endpoint, replications)
	s.Replications = jobs
	return s
}

func inventoryOf(endpoint int32, inv *proxopsv1.Inventory) *proxopsv1.Snapshot {
	s := snapshot(endpoint, inventory)
	s.Inventory = inv
	return s
}

// routine is a job with some of everything; edit changes it.
func routine(id string, edit ...func(*proxopsv1.BackupRoutine)) *proxopsv1.BackupRoutine {
	j := &proxopsv1.BackupRoutine{
		JobId: id, Enabled: true, Schedule: "02:00", Node: "pve1", Storage: "pbs", SelectionMode: proxopsv1.SelectionMode_SELECTION_MODE_VMID,
		Selection: []int64{100, 101}, Comment: "nightly", Mode: "snapshot", Compress: "zstd", KeepDaily: new(int64(7)), Zstd: new(int64(0)),
		Fleecing: "enabled=1,storage=local-lvm", FleecingStorage: "local-lvm",
	}
	for _, e := range edit {
		e(j)
	}
	if j.RawConfig == nil {
		j.RawConfig = mustJSON(map[string]any{"id": j.GetJobId(), "type": "vzdump", "schedule": j.GetSchedule(), "comment": j.GetComment()})
	}
	return j
}

func replication(guest, number int64, edit ...func(*proxopsv1.Replication)) *proxopsv1.Replication {
	j := &proxopsv1.Replication{
		ReplicationId: fmt.Sprintf("%d-%d", guest, number), Guest: guest, Jobnum: number, JobType: "local", Source: "pve1", Target: "pve2",
		Schedule: "*/15", Rate: new(12.5),
	}
	for _, e := range edit {
		e(j)
	}
	if j.RawConfig == nil {
		j.RawConfig = mustJSON(map[string]any{"id": j.GetReplicationId(), "guest": guest, "target": j.GetTarget(), "comment": j.GetComment()})
	}
	return j
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func equal[T any](l *lab, what string, got, want T) {
	l.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		l.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
