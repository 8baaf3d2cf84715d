package poller_test

import (
	"context"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller"
)

// ask sends a probe of an endpoint as the api does; nobody answers before the poller has started.
func (w *world) ask(api *bus.Bus, site string, endpoint int64) *proxopsv1.ProbeReply {
	w.t.Helper()
	w.mu.Lock()
	c := w.claims[endpoint]
	w.mu.Unlock()
	var reply proxopsv1.ProbeReply
	until(w.t, "a poller answers", func() bool {
		err := api.Request(w.t.Context(), subjects.Probe(site), &proxopsv1.ProbeRequest{
			EndpointId: endpoint, Target: c.GetTarget(), SealedCredentials: c.GetSealedCredentials(),
		}, &reply)
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			w.t.Fatal(err)
		}
		return err == nil
	})
	return &reply
}

func TestTheAPIHasConnectionsTried(t *testing.T) {
	w := newWorld(t)
	sim := pvesim.New("9.2")
	s := pvesim.StartT(t, sim)
	w.endpoint(7, s, nil)
	w.poll(nil, poller.Deps{})
	w.poll(func(c *poller.Config) { c.Site = "berlin"; c.KeyFile += ".berlin" }, poller.Deps{})
	api := natstest.Join(t, w.nats, localnats.API)
	reply := w.ask(api, subjects.DefaultSite, 7)
	if reply.GetError() != nil || reply.GetIdentity().GetName() != "prod-cluster" || reply.GetFingerprint() != s.Fingerprint() || reply.GetPoller() == "" {
		t.Errorf("reply is %v", reply)
	}
	sim.Deny("/")
	if reply := w.ask(api, subjects.DefaultSite, 7); reply.GetError().GetKind() != proxopsv1.ErrorKind_ERROR_KIND_PERMISSION || len(reply.GetMissingPrivileges()) != 3 {
		t.Errorf("reply is %v", reply)
	}
	if reply := w.ask(api, "berlin", 7); reply.GetError().GetKind() != proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS {
		t.Errorf("another site opened the credentials: %v", reply)
	}
	err := api.Request(t.Context(), subjects.Probe("nowhere"), &proxopsv1.ProbeRequest{}, &proxopsv1.ProbeReply{})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a site without pollers: %v", err)
	}
}

func TestTheAPICancelsARun(t *testing.T) {
	w := newWorld(t)
	stuck := pvesim.New("9.2")
	stuck.Fault("*", pvesim.SlowHeader(time.Minute))
	w.endpoint(7, pvesim.StartT(t, stuck), nil)
	w.endpoint(8, pvesim.StartT(t, pvesim.New("9.2")), nil)
	w.poll(func(c *poller.Config) { c.ManualWorkers, c.Timeout = 1, time.Minute }, poller.Deps{})
	api := natstest.Join(t, w.nats, localnats.API)
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual})
	until(t, "the run hangs", func() bool { return len(stuck.Requests()) > 0 })
	w.task(&proxopsv1.Task{EndpointId: 8, Trigger: manual})
	for _, garbage := range []string{"", "nonsense"} { // the poller lives on
		if err := api.Conn().Publish(subjects.Cancel(subjects.DefaultSite), []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := bus.Encode(&proxopsv1.CancelRun{EndpointId: 7, Generation: 42})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Conn().Publish(subjects.Cancel(subjects.DefaultSite), data); err != nil {
		t.Fatal(err)
	}
	if report := w.next(); report.GetEndpointId() != 8 {
		t.Errorf("report is of endpoint %d: the cancelled run holds the only worker, or reports", report.GetEndpointId())
	}
	until(t, "both tasks are acknowledged", func() bool { return w.left() == 0 })
	if len(w.reports) > 0 || len(w.snapshots(7)) > 0 {
		t.Errorf("%d more reports, snapshots %v", len(w.reports), w.snapshots(7))
	}
}

func TestWhatAStoppedPollerLeavesGoesToAnother(t *testing.T) {
	w := newWorld(t)
	sim := pvesim.New("9.2")
	sim.Fault("/cluster/replication", pvesim.SlowHeader(time.Minute))
	w.endpoint(7, pvesim.StartT(t, sim), nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- poller.Run(ctx, poller.Config{NATSURL: w.nats.URL(localnats.Poller), KeyFile: w.key, AllowLocalTargets: true}, poller.Deps{})
	}()
	w.task(&proxopsv1.Task{EndpointId: 7, Trigger: manual, JobId: "0190-job"})
	until(t, "the run hangs", func() bool { return sim.Requests()["GET /cluster/replication"] > 0 })
	start := time.Now()
	stop()
	report := w.next()
	for _, k := range report.GetKinds() {
		want := proxopsv1.Outcome_OUTCOME_PUBLISHED
		if k.GetKind() == proxopsv1.Kind_KIND_REPLICATION {
			want = proxopsv1.Outcome_OUTCOME_ABANDONED
		}
		if k.GetOutcome() != want {
			t.Errorf("outcome is %v, want %v", k, want)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	sim.ClearFaults()
	w.poll(nil, poller.Deps{})
	for _, k := range w.next().GetKinds() {
		if k.GetOutcome() != proxopsv1.Outcome_OUTCOME_PUBLISHED {
			t.Errorf("outcome of the other poller is %v", k)
		}
	}
}
