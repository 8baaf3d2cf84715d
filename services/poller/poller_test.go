package poller_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller"
)

func TestARunPublishesEveryKindAndReports(t *testing.T) {
	for _, version := range pvesim.Versions() {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			sim := pvesim.New(version)
			w.endpoint(7, pvesim.StartT(t, sim), nil)
			w.poll(nil, poller.Deps{})
			w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual, JobId: "0190-job"})

			report := w.next()
			if report.GetEndpointId() != 7 || report.GetGeneration() != 42 || len(report.GetKinds()) != 3 {
				t.Errorf("report is %v", report)
			}
			for _, k := range report.GetKinds() {
				if k.GetOutcome() != proxopsv1.Outcome_OUTCOME_PUBLISHED {
					t.Errorf("outcome is %v", k)
				}
			}
			if got := report.GetIdentity(); got.GetName() != "prod-cluster" || got.GetStandalone() {
				t.Errorf("identity is %v", got)
			}
			got := w.snapshots(7)
			for _, kind := range allKinds {
				s := got[kind]
				if s.GetGeneration() != 42 || s.GetEndpointId() != 7 || s.GetKind() != kind || !proto.Equal(s.GetIdentity(), report.GetIdentity()) {
					t.Errorf("snapshot of %v is %v", kind, s)
				}
				if err := digest.Check(s); err != nil {
					t.Errorf("snapshot of %v: %v", kind, err)
				}
			}
			world := sim.World()
			if n := len(got[allKinds[0]].GetBackupRoutines()); n != len(world.Backups) {
				t.Errorf("%d backup routines of %d", n, len(world.Backups))
			}
			if n := len(got[allKinds[1]].GetReplications()); n != len(world.Replications) {
				t.Errorf("%d replications of %d", n, len(world.Replications))
			}
			inv := got[allKinds[2]].GetInventory()
			if len(inv.GetNodes()) != len(world.Nodes) || len(inv.GetGuests()) != len(world.Guests) || len(inv.GetStorages()) != len(world.Storages) {
				t.Errorf("inventory is %v", inv)
			}
			i := slices.IndexFunc(got[allKinds[1]].GetReplications(), func(r *proxopsv1.Replication) bool { return r.GetReplicationId() == "101-0" })
			if r := got[allKinds[1]].GetReplications()[i]; r.GetSource() != "pve1" {
				t.Errorf("source of a job that does not name it is %q, want the node of its guest", r.GetSource())
			}
			until(t, "the task is acknowledged", func() bool { return w.left() == 0 })
			w.mu.Lock()
			defer w.mu.Unlock()
			if r := w.requests[0]; len(w.requests) != 1 || r.GetTrigger() != manual || r.GetJobId() != "0190-job" || r.GetPoller() == "" {
				t.Errorf("claims were asked for by %v", w.requests)
			}
		})
	}
}

// known is what the inventory believes active after a complete reading.
func known(sim *pvesim.Cluster) []*proxopsv1.KnownJobs {
	var ids []string
	for _, r := range sim.World().Replications {
		ids = append(ids, r.ID())
	}
	return []*proxopsv1.KnownJobs{{Kind: allKinds[0], Keys: sim.BackupIDs()}, {Kind: allKinds[1], Keys: ids}}
}

// TestNoFaultMakesAJobVanish polls under every fault there is: whatever is published has every job.
func TestNoFaultMakesAJobVanish(t *testing.T) {
	polls := map[string]int{"6.4": 1, "7.4": 1, "8.4": 1, "9.2": 2}
	for _, version := range pvesim.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sim := pvesim.New(version)
			w.endpoint(7, pvesim.StartT(t, sim), func(c *proxopsv1.Claim) {
				c.Identity = &proxopsv1.Identity{Name: sim.Name()}
				c.KnownJobs = known(sim)
			})
			w.poll(func(c *poller.Config) { c.Timeout = 300 * time.Millisecond }, poller.Deps{})
			outcomes := map[proxopsv1.Outcome]int{}
			for _, f := range pvesim.AllFaults() {
				f.Apply(sim)
				for range polls[version] {
					w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
					report := w.next()
					snapshots := w.snapshots(7)
					for _, k := range report.GetKinds() {
						outcomes[k.GetOutcome()]++
						s := snapshots[k.GetKind()]
						fresh := s != nil && s.GetGeneration() == report.GetGeneration()
						if fresh != (k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PUBLISHED) {
							t.Errorf("%s: outcome of %v is %v, and a snapshot of it is %v", f.Name, k.GetKind(), k.GetOutcome(), s.GetGeneration())
						}
						if fresh {
							complete(t, f.Name, sim, s)
						}
					}
				}
				if f.Harmless {
					w.untilPublished(f.Name)
				}
				f.Undo(sim)
			}
			w.untilPublished("no fault any more")
			if outcomes[proxopsv1.Outcome_OUTCOME_FAILED] == 0 || outcomes[proxopsv1.Outcome_OUTCOME_PUBLISHED] == 0 {
				t.Errorf("outcomes are %v: the faults did not strike", outcomes)
			}
		})
	}
}

// untilPublished polls endpoint 7 until every kind is published: on a busy machine a short timeout may strike by itself.
func (w *world) untilPublished(what string) {
	w.t.Helper()
	until(w.t, what, func() bool {
		w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
		return !slices.ContainsFunc(w.next().GetKinds(), func(k *proxopsv1.KindReport) bool {
			return k.GetOutcome() != proxopsv1.Outcome_OUTCOME_PUBLISHED
		})
	})
}

// complete checks that a snapshot of jobs has all of them.
func complete(t *testing.T, fault string, sim *pvesim.Cluster, s *proxopsv1.Snapshot) {
	t.Helper()
	have := map[string]bool{}
	for _, j := range s.GetBackupRoutines() {
		have[j.GetJobId()] = true
	}
	for _, j := range s.GetReplications() {
		have[j.GetReplicationId()] = true
	}
	for _, k := range known(sim) {
		if k.GetKind() != s.GetKind() {
			continue
		}
		for _, key := range k.GetKeys() {
			if !have[key] {
				t.Errorf("%s: the snapshot of %v lacks %s", fault, s.GetKind(), key)
			}
		}
	}
}

func TestTheLastJobThatGoesLeavesAnEmptySnapshot(t *testing.T) {
	w := newWorld(t)
	sim := pvesim.New("9.2")
	w.endpoint(7, pvesim.StartT(t, sim), func(c *proxopsv1.Claim) { c.KnownJobs = known(sim) })
	w.poll(nil, poller.Deps{})
	sim.Edit(func(w *pvesim.World) { w.Backups, w.Replications = nil, nil })
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	w.next()
	for _, kind := range allKinds[:2] {
		if s := w.snapshots(7)[kind]; s == nil || s.GetCount() != 0 {
			t.Errorf("snapshot of %v is %v", kind, s)
		}
	}
}

func TestASnapshotThatIsTooLargeFailsItsKindAlone(t *testing.T) {
	w := newWorld(t)
	sim := pvesim.New("9.2")
	sim.Edit(func(w *pvesim.World) {
		noise := rand.NewChaCha8([32]byte{1})
		for i := range 4000 {
			b := make([]byte, 300)
			_, _ = noise.Read(b)
			w.Backups = append(w.Backups, pvesim.BackupJob{ID: fmt.Sprintf("big-%d", i), Schedule: "daily", Comment: base64.StdEncoding.EncodeToString(b)})
		}
	})
	w.endpoint(7, pvesim.StartT(t, sim), nil)
	w.poll(nil, poller.Deps{})
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	for _, k := range w.next().GetKinds() {
		want := proxopsv1.Outcome_OUTCOME_PUBLISHED
		if k.GetKind() == proxopsv1.Kind_KIND_BACKUP_ROUTINE {
			want = proxopsv1.Outcome_OUTCOME_FAILED
			if k.GetError().GetKind() != proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE {
				t.Errorf("error is %v", k.GetError())
			}
		}
		if k.GetOutcome() != want {
			t.Errorf("outcome is %v", k)
		}
	}
	if s := w.snapshots(7)[proxopsv1.Kind_KIND_BACKUP_ROUTINE]; s != nil {
		t.Errorf("a snapshot of %d jobs was published", s.GetCount())
	}
}

func TestAManualRunDoesNotWaitBehindScheduledOnes(t *testing.T) {
	w := newWorld(t)
	stuck, free := pvesim.New("9.2"), pvesim.New("9.2")
	stuck.Fault("*", pvesim.SlowHeader(time.Minute))
	w.endpoint(1, pvesim.StartT(t, stuck), nil)
	w.endpoint(2, pvesim.StartT(t, pvesim.New("9.2")), nil)
	w.endpoint(7, pvesim.StartT(t, free), nil)
	w.poll(func(c *poller.Config) { c.Workers, c.ManualWorkers, c.Timeout = 1, 1, 10*time.Second }, poller.Deps{})
	w.task(&proxopsv1.Task{EndpointId: 1, Trigger: scheduled})
	w.task(&proxopsv1.Task{EndpointId: 2, Trigger: scheduled})
	until(t, "the scheduled run hangs", func() bool { return len(stuck.Requests()) > 0 })
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	if report := w.next(); report.GetEndpointId() != 7 {
		t.Errorf("the first report is of endpoint %d", report.GetEndpointId())
	}
	stuck.ClearFaults()
}

func TestAManualTaskWaitsForTheRunBeforeIt(t *testing.T) {
	w := newWorld(t)
	w.endpoint(7, pvesim.StartT(t, pvesim.New("9.2")), nil)
	w.refuse = []*proxopsv1.Refusal{{Reason: proxopsv1.RefusalReason_REFUSAL_REASON_BUSY}}
	w.poll(nil, poller.Deps{})
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	if report := w.next(); report.GetEndpointId() != 7 {
		t.Errorf("report is %v", report)
	}
}

func TestAPollerServesItsSiteAlone(t *testing.T) {
	w := newWorld(t)
	w.endpoint(7, pvesim.StartT(t, pvesim.New("9.2")), nil)
	w.poll(func(c *poller.Config) { c.Site = "berlin" }, poller.Deps{})
	w.task(&proxopsv1.Task{EndpointId: 8, Trigger: manual}) // of the default site
	data, err := bus.Encode(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.JetStream().Publish(t.Context(), subjects.Task(manual, "berlin", 7), data); err != nil {
		t.Fatal(err)
	}
	if report := w.next(); report.GetEndpointId() != 7 {
		t.Errorf("report is of endpoint %d", report.GetEndpointId())
	}
	until(t, "only the task of the other site is left", func() bool { return w.left() == 1 })
}

func TestRunSaysInOneLineWhatIsWrong(t *testing.T) {
	key := filepath.Join(t.TempDir(), "site.key")
	open := filepath.Join(t.TempDir(), "open.key")
	if err := os.WriteFile(open, []byte("SX"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]poller.Config{
		"no NATS":        {NATSURL: "nats://user:planted@127.0.0.1:1", KeyFile: key},
		"no site":        {NATSURL: "nats://127.0.0.1:1", KeyFile: key, Site: "Not A Site"},
		"key in no file": {NATSURL: "nats://127.0.0.1:1", KeyFile: filepath.Join(key, "no", "such")},
		"open key":       {NATSURL: "nats://127.0.0.1:1", KeyFile: open},
	} {
		err := poller.Run(t.Context(), cfg, poller.Deps{})
		if err == nil || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestAPollerShowsItsHealthAndMetricsAndStopsInTime(t *testing.T) {
	w := newWorld(t)
	sim := pvesim.New("9.2")
	w.endpoint(7, pvesim.StartT(t, sim), nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- poller.Run(ctx, poller.Config{
			NATSURL: w.nats.URL(localnats.Poller), KeyFile: w.key, AllowLocalTargets: true, AdminListen: address,
		}, poller.Deps{})
	}()
	until(t, "ready", func() bool { status, _ := get(t, "http://"+address+"/readyz"); return status == http.StatusOK })
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	w.next()
	_, text := get(t, "http://"+address+"/metrics")
	for _, want := range []string{
		`proxops_poller_runs_total{outcome="published",trigger="manual"} 1`,
		`proxops_poller_readings_total{error="",kind="backup_routine",outcome="published"} 1`,
		`proxops_poller_request_duration_seconds_count{call="/cluster/backup",status="200"} 1`,
		`proxops_poller_run_duration_seconds_count 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	sim.Fault("*", pvesim.SlowHeader(time.Minute))
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	sim.ResetRequests()
	until(t, "a run hangs", func() bool { return len(sim.Requests()) > 0 })
	start := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}
