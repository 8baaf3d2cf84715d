package project_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/project"
)

func TestTheIdentityIsPinnedByTheFirstReading(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a")))
	before := l.dump()
	for name, identity := range map[string]*proxopsv1.Identity{
		"another name": {Name: "other"}, "a standalone host of the same name": {Name: "lab", Standalone: true},
	} {
		s := routinesOf(e)
		s.Identity = identity
		if r := l.apply(s); r.Outcome != project.Refused {
			t.Errorf("%s is %s", name, r.Outcome)
		}
	}
	after := l.dump()
	equal(l, "routines", after["backup_routines"], before["backup_routines"])
	equal(l, "changes", after["changes"], before["changes"])
	state := one[string](l, `SELECT concat_ws('|', status, error_kind, error_text, remedy <> '', claim_pending, failures, next_attempt_at > now(), cluster_name)
		FROM sync_states JOIN endpoint_states USING (endpoint_id)`)
	want := `failing|identity|the address answers as standalone host lab, but this endpoint is cluster lab|t|{}|2|t|lab`
	if state != want && state != strings.Replace(want, "standalone host lab,", "cluster other,", 1) {
		t.Errorf("the sync state says %q", state)
	}
	if r := l.apply(routinesOf(e, routine("a"))); r.Outcome != project.Same {
		t.Errorf("the right cluster is %s", r.Outcome)
	}
	if got := one[string](l, `SELECT concat_ws(' ', status, error_kind, error_text, failures, next_attempt_at) FROM sync_states JOIN endpoint_states USING (endpoint_id)`); got != "ok   0" {
		t.Errorf("a good reading leaves %q", got)
	}
}

func TestAClaimEndsWithItsLastKind(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	generation := l.claim(e, backups, replications, inventory)
	pending := func() []string { return one[[]string](l, `SELECT claim_pending FROM endpoint_states`) }
	for _, step := range []struct {
		s    *proxopsv1.Snapshot
		left []string
	}{
		{inventoryOf(e, smallInventory()), []string{"backup_routine", "replication"}},
		{replicationsOf(e, replication(100, 0)), []string{"backup_routine"}},
		{routinesOf(e, routine("a")), []string{}},
	} {
		step.s.Generation = generation
		if r := l.applyAs(step.s); r.Outcome != project.Applied {
			t.Errorf("%s is %s", step.s.GetKind(), r.Outcome)
		}
		equal(l, "pending", pending(), step.left)
	}
	states := all[string](l, `SELECT concat_ws(' ', kind, applied_generation, object_count, status, last_seen IS NOT NULL) FROM sync_states ORDER BY kind`)
	equal(l, "states", states, []string{"backup_routine 1 1 ok t", "inventory 1 6 ok t", "replication 1 1 ok t"})
}

func TestSinceMovesOnlyWithTheStatus(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a")))
	since := one[string](l, `SELECT since::text FROM sync_states`)
	l.apply(routinesOf(e, routine("b")))
	l.apply(routinesOf(e, routine("b")))
	equal(l, "since", one[string](l, `SELECT since::text FROM sync_states`), since)
}

// The same snapshot and its successors, given to two projectors at once, as after a redelivery.
func TestTwoProjectorsAtOneEndpointTakeTurns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	for round := range 20 {
		older := routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.Comment = fmt.Sprint("older ", round) }))
		newer := routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.Comment = fmt.Sprint("newer ", round) }))
		for _, s := range []*proxopsv1.Snapshot{older, newer} {
			s.Generation = l.claim(e, backups)
			if err := digest.Seal(s); err != nil {
				t.Fatal(err)
			}
		}
		var outcomes sync.Map
		var wg sync.WaitGroup
		for i, s := range []*proxopsv1.Snapshot{older, newer, older, newer} {
			wg.Go(func() {
				err := postgres.InTx(context.Background(), l.pool, func(tx pgx.Tx) error {
					r, err := project.Snapshot(context.Background(), tx, s)
					outcomes.Store(i, r.Outcome)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var got []string
		outcomes.Range(func(_, outcome any) bool {
			got = append(got, string(outcome.(project.Outcome)))
			return true
		})
		slices.Sort(got)
		if got[0] != "applied" || slices.Contains(got[1:], "applied") {
			t.Errorf("round %d: %v, want exactly one applied", round, got)
		}
		equal(l, "row", one[string](l, `SELECT concat_ws(' ', comment, version) FROM backup_routines`), fmt.Sprintf("newer %d %d", round, round+1))
	}
}

// A claim that is granted while a snapshot is being applied waits, and then overtakes nothing.
func TestAClaimWaitsForTheSnapshotThatIsBeingApplied(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	s := routinesOf(e, routine("a"))
	s.Generation = l.claim(e, backups)
	if err := digest.Seal(s); err != nil {
		t.Fatal(err)
	}
	granted := make(chan int64)
	err := postgres.InTx(t.Context(), l.pool, func(tx pgx.Tx) error {
		if r, err := project.Snapshot(t.Context(), tx, s); err != nil || r.Outcome != project.Applied {
			return fmt.Errorf("%s: %w", r.Outcome, err)
		}
		go func() {
			reply, err := l.desk.Claim(context.Background(), "default", &proxopsv1.ClaimRequest{EndpointId: int64(e), Trigger: proxopsv1.Trigger_TRIGGER_MANUAL})
			if err != nil {
				t.Error(err)
			}
			granted <- reply.GetClaim().GetGeneration()
		}()
		for one[int](l, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
			select {
			case g := <-granted:
				return fmt.Errorf("generation %d was issued meanwhile", g)
			case <-t.Context().Done():
				return errors.New("nobody waits")
			default:
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if g := <-granted; g != s.GetGeneration()+1 {
		t.Errorf("generation %d was issued afterwards", g)
	}
}

// Whatever clusters and users do, the change rows of a job fold to its row, versions have no gaps, and a row is active exactly if the last
// snapshot of its endpoint and kind has it.
func TestFoldingTheChangesGivesTheRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			rng := rand.New(rand.NewPCG(seed, 1))
			endpoints := []int32{l.endpoint("a"), l.endpoint("b")}
			last := map[int32]map[string]bool{}
			for range 40 {
				e := endpoints[rng.IntN(2)]
				switch rng.IntN(8) {
				case 0:
					l.apply(inventoryOf(e, randomInventory(rng)))
				case 1:
					l.byHand(rng, e)
				case 2:
					l.exec(`UPDATE sync_states SET digest = NULL`)
				case 3:
					old := randomRoutines(rng, e)
					old.Generation = l.claim(e, backups)
					l.claim(e, backups)
					l.applyAs(old)
				case 4, 5:
					s := replicationsOf(e)
					for guest := range int64(5) {
						if rng.IntN(2) == 0 {
							s.Replications = append(s.Replications, replication(100+guest, 0, func(j *proxopsv1.Replication) {
								j.Comment, j.Source = fmt.Sprint(rng.IntN(2)), []string{"", "pve1", "pve2"}[rng.IntN(3)]
							}))
						}
					}
					l.apply(s)
				default:
					s := randomRoutines(rng, e)
					l.apply(s)
					last[e] = map[string]bool{}
					for _, j := range s.GetBackupRoutines() {
						last[e][j.GetJobId()] = true
					}
				}
				l.checkFold()
			}
			for e, keys := range last {
				for _, key := range all[string](l, `SELECT job_id FROM backup_routines WHERE endpoint_id = $1 AND status = 'active' AND seen AND content_hash IS NOT NULL`, e) {
					if !keys[key] {
						t.Errorf("%s of endpoint %d is active without being there", key, e)
					}
				}
			}
		})
	}
}

func randomRoutines(rng *rand.Rand, e int32) *proxopsv1.Snapshot {
	if rng.IntN(4) == 0 {
		var comments []string
		for range rng.IntN(5) {
			comments = append(comments, string(rune('a'+rng.IntN(3))))
		}
		return cronFile(e, comments...)
	}
	s := routinesOf(e)
	for i := range 6 {
		if rng.IntN(3) > 0 {
			s.BackupRoutines = append(s.BackupRoutines, routine(fmt.Sprint("job-", i), func(j *proxopsv1.BackupRoutine) {
				j.Comment, j.Enabled = fmt.Sprint(rng.IntN(3)), rng.IntN(2) == 0
				j.Node = []string{"", "pve1", "pve9"}[rng.IntN(3)]
			}))
		}
	}
	rng.Shuffle(len(s.GetBackupRoutines()), func(a, b int) {
		s.BackupRoutines[a], s.BackupRoutines[b] = s.BackupRoutines[b], s.BackupRoutines[a]
	})
	return s
}

func randomInventory(rng *rand.Rand) *proxopsv1.Inventory {
	return smallInventory(func(i *proxopsv1.Inventory) {
		i.Guests[0].Node = []string{"pve1", "pve2", "pve3"}[rng.IntN(3)]
		i.Guests = i.Guests[:rng.IntN(4)]
		i.Storages = i.Storages[:rng.IntN(2)]
	})
}

// byHand patches a routine as the api does: under the lock, with a change row, and so that the next reading compares.
func (l *lab) byHand(rng *rand.Rand, e int32) {
	l.Helper()
	err := postgres.InTx(context.Background(), l.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), `SELECT FROM endpoints WHERE id = `+fmt.Sprint(e)+` FOR NO KEY UPDATE`)
		if err != nil {
			return err
		}
		var id, version int32
		err = tx.QueryRow(context.Background(), `UPDATE backup_routines SET comment = $2, status = $3, stale_since = NULL, version = version + 1, content_hash = NULL
			WHERE id = (SELECT id FROM backup_routines WHERE endpoint_id = $1 ORDER BY md5(job_id || $2) LIMIT 1) RETURNING id, version`,
			e, fmt.Sprint("by hand ", rng.IntN(9)), []string{"active", "stale"}[rng.IntN(2)]).Scan(&id, &version)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(context.Background(), `INSERT INTO changes (object_type_id, object_id, endpoint_id, action, event, version, key, status, changed, prechange, postchange, cause, request_id)
			SELECT 1, b.id, b.endpoint_id, 'update', 'updated', b.version, b.job_id, b.status, '{comment,status}', c.postchange,
			       (c.postchange::jsonb || jsonb_build_object('comment', b.comment, 'status', b.status, 'stale_since', null))::json, 'api', gen_random_uuid()
			FROM backup_routines b JOIN changes c ON c.object_type_id = 1 AND c.object_id = b.id AND c.version = b.version - 1 WHERE b.id = $1`, id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(context.Background(), `UPDATE sync_states SET digest = NULL WHERE endpoint_id = $1 AND kind = 'backup_routine'`, e)
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
}

// checkFold compares every row with what its changes say.
func (l *lab) checkFold() {
	l.Helper()
	for kind, query := range map[change.ObjectType]string{
		change.BackupRoutine: `SELECT r.id, r.version, r.status, jsonb_build_object('job_id', job_id, 'enabled', enabled, 'comment', r.comment, 'node', node_id,
			'storage', storage_id, 'fleecing_storage', fleecing_storage_id, 'selection', selection, 'raw_config', r.raw_config, 'keep_daily', keep_daily,
			'schedule', schedule, 'status', r.status) AS fields FROM backup_routines r`,
		change.Replication: `SELECT r.id, r.version, r.status, jsonb_build_object('replication_id', replication_id, 'virtual_machine', virtual_machine_id,
			'proxmox_node', proxmox_node_id, 'target_node', target_node_id, 'comment', r.comment, 'source', source, 'rate', rate, 'disable', disable,
			'raw_config', r.raw_config, 'status', r.status) AS fields FROM replications r`,
	} {
		bad := all[string](l, `WITH rows AS (`+query+`), log AS (SELECT * FROM changes WHERE object_type_id = $1)
			SELECT concat_ws(' ', r.id, r.version, r.status, r.fields, 'changes:', (SELECT json_agg(log ORDER BY version) FROM log WHERE object_id = r.id))
			FROM rows r
			WHERE (SELECT array_agg(version ORDER BY id) FROM log WHERE object_id = r.id) IS DISTINCT FROM (SELECT array_agg(v) FROM generate_series(1, r.version) v)
			   OR NOT EXISTS (SELECT FROM log WHERE object_id = r.id AND version = r.version AND status = r.status AND postchange::jsonb @> r.fields)
			   OR EXISTS (SELECT FROM log a JOIN log b ON b.object_id = a.object_id AND b.version = a.version + 1
			              WHERE a.object_id = r.id AND (b.prechange::jsonb - 'next_run') <> (a.postchange::jsonb - 'next_run'))`, kind)
		if len(bad) > 0 {
			l.Fatalf("kind %d: changes do not fold to these rows:\n%s", kind, strings.Join(bad, "\n"))
		}
	}
	if n := one[int](l, `SELECT count(*) FROM changes c LEFT JOIN outbox o ON o.change_id = c.id WHERE cause = 'sync' AND o.change_id IS NULL`); n > 0 {
		l.Fatalf("%d changes are not in the outbox", n)
	}
}
