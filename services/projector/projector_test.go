package projector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector"
)

// start runs a projector until stop is called, or the test ends.
func start(t *testing.T, cfg projector.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- projector.Run(ctx, cfg, projector.Deps{}) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the projector does not stop within five seconds")
		}
	}
	t.Cleanup(stop)
	return stop
}

// poller is what these tests need of one.
type poller struct {
	*testing.T
	bus      *bus.Bus
	endpoint int64
}

// read claims the endpoint, as soon as somebody answers and grants it, and publishes a snapshot of these jobs.
func (p poller) read(keys ...string) {
	p.Helper()
	deadline := time.Now().Add(30 * time.Second)
	reply := &proxopsv1.ClaimReply{}
	for reply.GetClaim() == nil {
		req := &proxopsv1.ClaimRequest{
			EndpointId: p.endpoint, Poller: "test", Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, Kinds: []proxopsv1.Kind{proxopsv1.Kind_KIND_BACKUP_ROUTINE},
		}
		err := p.bus.Request(p.Context(), subjects.Claim(subjects.DefaultSite), req, reply)
		if err != nil && fault.KindOf(err) != fault.Unavailable || time.Now().After(deadline) {
			p.Fatalf("claim: %v, %v", reply, err)
		}
	}
	s := &proxopsv1.Snapshot{
		EndpointId: p.endpoint, Generation: reply.GetClaim().GetGeneration(), Kind: proxopsv1.Kind_KIND_BACKUP_ROUTINE,
		Identity: &proxopsv1.Identity{Name: "lab"},
	}
	for _, key := range keys {
		s.BackupRoutines = append(s.BackupRoutines, &proxopsv1.BackupRoutine{
			JobId: key, Enabled: true, Schedule: "daily", SelectionMode: proxopsv1.SelectionMode_SELECTION_MODE_ALL, RawConfig: fmt.Appendf(nil, `{"id":%q,"type":"vzdump"}`, key),
		})
	}
	if err := digest.Seal(s); err != nil {
		p.Fatal(err)
	}
	data, err := bus.Encode(s)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := p.bus.JetStream().Publish(p.Context(), subjects.Snapshot(s.GetKind(), p.endpoint), data); err != nil {
		p.Fatal(err)
	}
	report := &proxopsv1.RunReport{EndpointId: p.endpoint, Generation: s.GetGeneration(), Kinds: []*proxopsv1.KindReport{
		{Kind: s.GetKind(), Outcome: proxopsv1.Outcome_OUTCOME_PUBLISHED},
	}}
	current := &proxopsv1.ReportReply{}
	if err := p.bus.Request(p.Context(), subjects.Report(subjects.DefaultSite), report, current); err != nil || !current.GetCurrent() {
		p.Fatalf("report: %v, %v", current, err)
	}
}

// events waits for the stream to have n of them and returns "<type> <key> <version>" of each.
func events(t *testing.T, b *bus.Bus, n int) (list []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	consumer, err := b.JetStream().OrderedConsumer(ctx, subjects.StreamEvents, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for len(list) < n {
		m, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatalf("after %q: %v", list, err)
		}
		var event struct {
			Type, Subject string
			Data          struct{ Version json.Number }
		}
		if err := json.Unmarshal(m.Data(), &event); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(event.Type, " ", event.Subject, " ", event.Data.Version))
	}
	return list
}

func TestAJobGoesFromThePollerToTheEventStream(t *testing.T) {
	t.Parallel()
	url, nats := pgtest.URL(t), natstest.Start(t)
	pool, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	p := poller{t, natstest.Join(t, nats, localnats.Poller), endpoint(t, pool)}
	cfg := projector.Config{DatabaseURL: url, NATSURL: nats.URL(localnats.Projector)}
	stopFirst := start(t, cfg)
	start(t, cfg)
	p.read("a", "b")
	p.read("a")
	stopFirst() // the other one goes on
	p.read("a", "b")
	got := events(t, natstest.Join(t, nats, localnats.Admin), 4)
	want := []string{
		"proxops.backup_routine.created.v1 a 1", "proxops.backup_routine.created.v1 b 1", "proxops.backup_routine.stale.v1 b 2",
		"proxops.backup_routine.reactivated.v1 b 3",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var failed int
	err = pool.QueryRow(t.Context(), `SELECT count(*) FROM sync_states WHERE status <> 'ok'`).Scan(&failed)
	if err != nil || failed > 0 {
		t.Errorf("%d sync states are not ok (%v)", failed, err)
	}
}

func endpoint(t *testing.T, pool *pgxpool.Pool) (id int64) {
	t.Helper()
	err := pool.QueryRow(t.Context(), `INSERT INTO endpoints (name, domain, sealed_credentials, poll_interval) VALUES ('lab', 'pve.example.com', '\x01', 0) RETURNING id`).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheAdminAddressSaysWhetherTheProjectorIsReady(t *testing.T) {
	t.Parallel()
	nats := natstest.Start(t)
	ln, err := httpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil { // free, and nobody is likely to take it meanwhile
		t.Fatal(err)
	}
	start(t, projector.Config{DatabaseURL: pgtest.URL(t), NATSURL: nats.URL(localnats.Projector), AdminListen: address})
	deadline := time.Now().Add(30 * time.Second)
	for {
		body, err := get(t, "http://"+address+"/readyz")
		if err == nil && strings.TrimSpace(body) == "ready" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %s, %v", body, err)
		}
	}
	if body, err := get(t, "http://"+address+"/metrics"); err != nil || !strings.Contains(body, "proxops_relay_position") {
		t.Errorf("metrics: %.200s, %v", body, err)
	}
}

func get(t *testing.T, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestWhatCannotBeReachedAtTheStartIsOneLine(t *testing.T) {
	t.Parallel()
	nats := natstest.Start(t)
	for name, cfg := range map[string]projector.Config{
		"no database":          {DatabaseURL: "postgres://u:secret@127.0.0.1:1/none", NATSURL: nats.URL(localnats.Projector)},
		"no url":               {DatabaseURL: "::", NATSURL: nats.URL(localnats.Projector)},
		"no nats":              {DatabaseURL: pgtest.URL(t), NATSURL: "nats://u:secret@127.0.0.1:1"},
		"no schema":            {DatabaseURL: pgtest.Empty(t), NATSURL: nats.URL(localnats.Projector), NoMigrate: true},
		"address that is none": {DatabaseURL: pgtest.URL(t), NATSURL: nats.URL(localnats.Projector), AdminListen: "nowhere"},
	} {
		err := projector.Run(t.Context(), cfg, projector.Deps{})
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
