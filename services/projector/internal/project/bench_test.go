package project_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/localpg"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/project"
)

// BenchmarkApply holds the application of snapshots of 10,000 jobs against a raw binary COPY of the very same rows (jobs, changes, outbox)
// into the same indexed tables, in one transaction each. Rounds of both alternate, and the median of the rounds' ratios counts. It reports
//
//	new_rate      rate of new jobs with their change rows, as a part of COPY's rate (aim: at least 0.6)
//	same_pct      time of a snapshot with the digest that was applied, in percent of COPY's time (aim: at most 2)
//	unchanged_pct the same when every row is compared (aim: at most 6)
//	percent_pct   the same with one job in a hundred changed (aim: at most 10)
//
// on a server with the settings of tests, and on one that keeps what it acknowledged.
func BenchmarkApply(b *testing.B) {
	for _, server := range []struct {
		name string
		url  func(*testing.B) string
	}{
		{"test", disposable},
		{"durable", durable},
	} {
		b.Run(server.name, func(b *testing.B) {
			for _, kind := range []proxopsv1.Kind{backups, replications} {
				b.Run(map[proxopsv1.Kind]string{backups: "routines", replications: "replications"}[kind], func(b *testing.B) {
					benchmarkApply(b, server.url(b), kind)
				})
			}
		})
	}
}

func disposable(b *testing.B) string {
	b.Helper()
	return pgtest.URL(b)
}

// durable starts a server of its own as in production.
func durable(b *testing.B) string {
	b.Helper()
	s, err := localpg.Start(b.Context(), localpg.Config{DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := postgres.Migrate(b.Context(), s.URL()); err != nil {
		b.Fatal(err)
	}
	return s.URL()
}

const (
	benchJobs   = 10_000
	benchRounds = 7
)

func benchmarkApply(b *testing.B, url string, kind proxopsv1.Kind) {
	b.Helper()
	pool, err := postgres.Open(b.Context(), url, postgres.Options{MaxConns: 4})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	l := &lab{b, pool, &claim.Desk{Pool: pool, Log: slog.New(slog.DiscardHandler), ClaimTimeout: time.Hour, InventoryInterval: time.Hour}}
	e := l.endpoint("bench")
	l.apply(inventoryOf(e, benchInventory()))
	table := map[proxopsv1.Kind]string{backups: "backup_routines", replications: "replications"}[kind]

	var floor, fresh, same, unchanged, percent []float64 // seconds
	for b.Loop() {
		for round := range benchRounds {
			l.clear(table)
			fresh = append(fresh, l.timed(benchSnapshot(e, kind, round, 0), benchJobs, 0))
			same = append(same, l.timed(benchSnapshot(e, kind, round, 0), 0, 0))
			l.exec(`UPDATE sync_states SET digest = NULL`)
			unchanged = append(unchanged, l.timed(benchSnapshot(e, kind, round, 0), 0, 0))
			percent = append(percent, l.timed(benchSnapshot(e, kind, round, 100), 0, benchJobs/100))

			l.exec(`DELETE FROM outbox WHERE change_id IN (SELECT id FROM changes WHERE version > 1); DELETE FROM changes WHERE version > 1`)
			rows := l.export(table)
			l.clear(table)
			floor = append(floor, l.load(rows))
		}
	}
	b.ReportMetric(median(floor)*1000, "floor_ms")
	b.ReportMetric(median(ratios(floor, fresh)), "new_rate")
	b.ReportMetric(100*median(ratios(same, floor)), "same_pct")
	b.ReportMetric(100*median(ratios(unchanged, floor)), "unchanged_pct")
	b.ReportMetric(100*median(ratios(percent, floor)), "percent_pct")
	b.ReportMetric(0, "ns/op")
}

// timed applies a snapshot, and returns how long its transaction took.
func (l *lab) timed(s *proxopsv1.Snapshot, created, updated int) float64 {
	l.Helper()
	s.Generation = l.claim(int32(s.GetEndpointId()), s.GetKind())
	if err := digest.Seal(s); err != nil {
		l.Fatal(err)
	}
	var result project.Result
	begin := time.Now()
	err := postgres.InTx(context.Background(), l.pool, func(tx pgx.Tx) (err error) {
		result, err = project.Snapshot(context.Background(), tx, s)
		return err
	})
	took := time.Since(begin).Seconds()
	if err != nil || counts(result) != [5]int{created, updated, benchJobs - created - updated, 0, 0} {
		l.Fatalf("%v, %v", result, err)
	}
	return took
}

// clear empties the tables and puts what was written before on disk.
func (l *lab) clear(table string) {
	l.Helper()
	l.exec(`TRUNCATE ` + table + `, changes, outbox`)
	l.exec(`UPDATE sync_states SET digest = NULL`)
	l.exec(`VACUUM ANALYZE`)
	l.exec(`CHECKPOINT`)
}

// export returns the rows of the tables as COPY wants them.
func (l *lab) export(table string) map[string][]byte {
	l.Helper()
	rows := map[string][]byte{}
	for _, name := range []string{table, "changes", "outbox"} {
		var data bytes.Buffer
		l.conn(func(conn *pgx.Conn) error {
			_, err := conn.PgConn().CopyTo(context.Background(), &data, `COPY `+name+` TO STDOUT (FORMAT binary)`)
			return err
		})
		rows[name] = data.Bytes()
	}
	return rows
}

// load copies rows into their tables in one transaction, and returns how long that took.
func (l *lab) load(rows map[string][]byte) (seconds float64) {
	l.Helper()
	l.conn(func(conn *pgx.Conn) error {
		begin := time.Now()
		defer func() { seconds = time.Since(begin).Seconds() }()
		return pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
			for name, data := range rows {
				tag, err := tx.Conn().PgConn().CopyFrom(context.Background(), bytes.NewReader(data), `COPY `+name+` FROM STDIN (FORMAT binary)`)
				if err != nil || tag.RowsAffected() != benchJobs {
					return fmt.Errorf("copied %d rows into %s: %w", tag.RowsAffected(), name, err)
				}
			}
			return nil
		})
	})
	return seconds
}

func (l *lab) conn(fn func(*pgx.Conn) error) {
	l.Helper()
	conn, err := l.pool.Acquire(context.Background())
	if err != nil {
		l.Fatal(err)
	}
	defer conn.Release()
	if err := fn(conn.Conn()); err != nil {
		l.Fatal(err)
	}
}

// ratios divides what was measured in the same round, so that what else the machine did meanwhile matters least.
func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

func median(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }

// benchSnapshot has 10,000 jobs as large clusters have them. Jobs of different rounds differ, and one of each step has been edited.
func benchSnapshot(endpoint int32, kind proxopsv1.Kind, round, step int) *proxopsv1.Snapshot {
	s := snapshot(endpoint, kind)
	for i := range benchJobs {
		comment := fmt.Sprintf("round %d, customer %d: nightly backup of the application servers", round, i%200)
		if step > 0 && i%step == 0 {
			comment += " (edited)"
		}
		if kind == replications {
			s.Replications = append(s.Replications, replication(int64(100+i/2), int64(i%2), func(j *proxopsv1.Replication) {
				j.Source, j.Target = fmt.Sprintf("pve%d", i%16), fmt.Sprintf("pve%d", (i+1)%16)
				j.Comment = comment
				j.RawConfig = mustJSON(map[string]any{
					"id": j.GetReplicationId(), "type": "local", "guest": j.GetGuest(), "jobnum": j.GetJobnum(), "source": j.GetSource(),
					"target": j.GetTarget(), "schedule": "*/15", "rate": 12.5, "comment": comment,
				})
			}))
			continue
		}
		s.BackupRoutines = append(s.BackupRoutines, routine(fmt.Sprintf("backup-%08x-%04x", i*7919, round), func(j *proxopsv1.BackupRoutine) {
			j.Schedule = fmt.Sprintf("%02d:%02d", i%24, i%60)
			j.NextRun = stamp(time.Now().Add(time.Duration(1+i%48) * time.Hour).Truncate(time.Second))
			j.Node, j.Storage = fmt.Sprintf("pve%d", i%16), fmt.Sprintf("storage-%d", i%8)
			j.Selection = []int64{int64(100 + i), int64(100 + i + 1), int64(100 + i + 2)}
			j.Comment = comment
			j.RawConfig = mustJSON(map[string]any{
				"id": j.GetJobId(), "type": "vzdump", "enabled": 1, "schedule": j.GetSchedule(), "storage": j.GetStorage(), "mode": "snapshot",
				"node": j.GetNode(), "vmid": fmt.Sprintf("%d,%d,%d", 100+i, 101+i, 102+i), "comment": comment, "compress": "zstd",
				"prune-backups": map[string]any{"keep-daily": "7", "keep-weekly": "4", "keep-monthly": "6"},
				"fleecing":      map[string]any{"enabled": "1", "storage": "local-lvm"}, "notes-template": "{{guestname}} on {{node}}",
			})
		}))
	}
	return s
}

func benchInventory() *proxopsv1.Inventory {
	inv := &proxopsv1.Inventory{Version: "8.4.5", TimeZone: "Europe/Berlin"}
	for i := range 16 {
		inv.Nodes = append(inv.Nodes, &proxopsv1.Node{Name: fmt.Sprintf("pve%d", i), NodeId: int64(i + 1), Online: true, MaxCpu: 64, MaxMemory: 1 << 39})
	}
	for i := range 8 {
		inv.Storages = append(inv.Storages, &proxopsv1.Storage{Name: fmt.Sprintf("storage-%d", i), StorageType: "pbs", Enabled: true, Shared: true})
	}
	for i := range benchJobs / 2 {
		inv.Guests = append(inv.Guests, &proxopsv1.Guest{
			Vmid: int64(100 + i), Name: fmt.Sprintf("vm-%d", i), GuestType: "qemu", Node: fmt.Sprintf("pve%d", i%16), Status: "running",
			MaxCpu: 4, MaxMemory: 8 << 30, MaxDisk: 64 << 30,
		})
	}
	return inv
}
