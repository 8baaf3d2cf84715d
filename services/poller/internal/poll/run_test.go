package poll

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// twoNodes are two simulated clusters at the same port of 127.0.0.1 and 127.0.0.2, which stand for two nodes of one.
func (l *lab) twoNodes(version string, opts ...pvesim.Option) (first, second *pvesim.Cluster) {
	l.t.Helper()
	first = l.sim
	second = pvesim.New(version, append(opts, pvesim.WithListen(fmt.Sprintf("127.0.0.2:%d", l.claim.GetTarget().GetPort())),
		pvesim.WithToken(first.Token()))...)
	s := pvesim.StartT(l.t, second)
	t := l.claim.GetTarget()
	t.Hosts = []string{"127.0.0.1", "127.0.0.2"}
	t.CaCertificate += string(s.CAPEM())
	l.claim.SealedCredentials = l.seal(t, first.Token().Secret)
	return first, second
}

func TestAnotherAddressIsTriedAfterTransportErrorsAnd5xx(t *testing.T) {
	for name, strike := range map[string]func(*pvesim.Cluster){
		"reset":       func(c *pvesim.Cluster) { c.Fault("*", pvesim.Reset) },
		"slow":        func(c *pvesim.Cluster) { c.Fault("*", pvesim.SlowHeader(time.Minute)) },
		"500":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.FromTranscript("http_500_pmxcfs_down")) },
		"502":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.BadGateway) },
		"595":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.FromTranscript("http_595_node_refused")) },
		"596":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.FromTranscript("http_596_timeout")) },
		"cut":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.CutBody) },
		"certificate": (*pvesim.Cluster).ReplaceCertificate,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "8.4", jobs(5))
			l.runner.Limits.RequestTimeout = 300 * time.Millisecond
			first, second := l.twoNodes("8.4", jobs(5))
			strike(first)
			reports, _ := l.run()
			l.want(reports[backups], published, 0)
			l.want(reports[replications], published, 0)
			if n := second.Requests()["GET /cluster/backup"]; n != 1 {
				t.Errorf("the second address was asked %d times", n)
			}
		})
	}
}

func TestNoOtherAddressIsTriedAfterAnAnswer(t *testing.T) {
	for name, strike := range map[string]func(*pvesim.Cluster){
		"401":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.FromTranscript("http_401_bad_token")) },
		"403":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.FromTranscript("http_403_sys_audit")) },
		"404":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.NotFound) },
		"429":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.TooMany) },
		"302":         func(c *pvesim.Cluster) { c.Fault("*", pvesim.Redirect) },
		"null":        func(c *pvesim.Cluster) { c.Fault("*", pvesim.DataNull) },
		"no quorum":   func(c *pvesim.Cluster) { c.LoseQuorum(c.World()) },
		"other name":  func(c *pvesim.Cluster) { c.Rename("other") },
		"half a list": func(c *pvesim.Cluster) { c.Fault("/cluster/*", pvesim.HalfList) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "8.4", jobs(5))
			first, second := l.twoNodes("8.4", jobs(5))
			strike(first)
			reports, _ := l.run()
			for _, k := range l.claim.GetKinds() {
				if reports[k].GetOutcome() != wasFailed {
					t.Errorf("report is %v", reports[k])
				}
			}
			if n := len(second.Requests()); n > 0 {
				t.Errorf("the second address was asked: %v", second.Requests())
			}
		})
	}
}

func TestOnlyWhatIsMissingIsReadAtTheNextAddressAfterItsOwnStatus(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	first, second := l.twoNodes("8.4", jobs(5))
	first.Fault("/cluster/replication", pvesim.FromTranscript("http_596_timeout"))
	reports, _ := l.run()
	l.want(reports[backups], published, 0)
	l.want(reports[replications], published, 0)
	want := map[string]int{"GET /cluster/status": 1, "GET /cluster/replication": 1}
	if got := second.Requests(); !maps.Equal(got, want) {
		t.Errorf("the second address was asked %v, want %v", got, want)
	}
	// A node of another partition, or of another cluster, must not complete the reading.
	second.LoseQuorum(second.World())
	reports, _ = l.run()
	l.want(reports[backups], published, 0)
	l.want(reports[replications], wasFailed, quorum)
	if text := reports[replications].GetError().GetText(); !strings.Contains(text, "127.0.0.1") || !strings.Contains(text, "127.0.0.2") {
		t.Errorf("text %q does not tell of both addresses", text)
	}
}

func TestEveryAddressFails(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	first, second := l.twoNodes("8.4", jobs(5))
	first.Fault("*", pvesim.BadGateway)
	second.Fault("*", pvesim.Reset)
	reports, _ := l.run()
	for _, k := range l.claim.GetKinds() {
		l.want(reports[k], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_CONNECT)
		if text := reports[k].GetError().GetText(); !strings.Contains(text, "502") || !strings.Contains(text, "; then 127.0.0.2") {
			t.Errorf("text is %q", text)
		}
	}
}

func TestCallBudget(t *testing.T) {
	budget := map[string]int{"GET /cluster/status": 1, "GET /cluster/backup": 1, "GET /cluster/replication": 1}
	withInventory := maps.Clone(budget)
	maps.Copy(withInventory, map[string]int{
		"GET /version": 1, "GET /nodes": 1, "GET /cluster/resources": 1, "GET /storage": 1, "GET /nodes/{node}/time": 1,
	})
	withSources := maps.Clone(budget)
	withSources["GET /cluster/resources"] = 1
	for _, version := range pvesim.Versions() {
		for _, tc := range []struct {
			name  string
			opts  []pvesim.Option
			kinds []proxopsv1.Kind
			want  map[string]int
		}{
			{"jobs", []pvesim.Option{jobs(5)}, []proxopsv1.Kind{backups, replications}, budget},
			{"a job without source", nil, []proxopsv1.Kind{backups, replications}, withSources},
			{"with inventory", nil, []proxopsv1.Kind{backups, replications, inventory}, withInventory},
			{"one kind", []pvesim.Option{jobs(5)}, []proxopsv1.Kind{backups}, map[string]int{"GET /cluster/status": 1, "GET /cluster/backup": 1}},
		} {
			l := newLab(t, version, tc.opts...)
			l.claim.Kinds = tc.kinds
			reports, _ := l.run()
			for _, k := range tc.kinds {
				l.want(reports[k], published, 0)
			}
			if got := l.sim.Requests(); !maps.Equal(got, tc.want) {
				t.Errorf("%s, %s: requests are %v, want %v", version, tc.name, got, tc.want)
			}
			sum := 0
			for _, n := range tc.want {
				sum += n
			}
			if got := l.reports[0].GetRequests(); int(got) != sum {
				t.Errorf("%s, %s: %d requests are reported, want %d", version, tc.name, got, sum)
			}
		}
	}
}

func TestARunEndsBeforeItsClaim(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.claim.ValidFor = durationpb.New(800 * time.Millisecond)
	l.sim.Fault("/cluster/backup", pvesim.SlowHeader(time.Minute))
	l.claim.Kinds = []proxopsv1.Kind{backups, replications, inventory}
	start := time.Now()
	l.onReport = func() {
		if took := time.Since(start); took > 800*time.Millisecond {
			t.Errorf("the report came after %v, when the claim had ended", took)
		}
	}
	reports, _ := l.run()
	l.want(reports[inventory], published, 0) // read before the call that does not end
	l.want(reports[backups], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT)
	l.want(reports[replications], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT)
}

func TestNothingIsPublishedUnderAnEndedClaim(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.claim.ValidFor = durationpb.New(time.Nanosecond)
	err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7})
	if len(l.snapshots) > 0 {
		t.Errorf("%d snapshots were published", len(l.snapshots))
	}
	if err != nil && len(l.reports) > 0 {
		t.Errorf("reported, and error %v", err)
	}
	// The claim may end just after the last answer.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r := &run{Runner: l.runner, claim: l.claim}
	if err := r.publish(ended, &proxopsv1.Snapshot{Kind: backups}); err == nil || len(l.snapshots) > 0 {
		t.Errorf("error %v, %d snapshots", err, len(l.snapshots))
	}
}

func TestCredentialsOfAnotherTargetAreNotUsed(t *testing.T) {
	for name, edit := range map[string]func(*lab){
		"another host":  func(l *lab) { l.claim.Target.Hosts = []string{"127.0.0.3"} },
		"another port":  func(l *lab) { l.claim.Target.Port++ },
		"another user":  func(l *lab) { l.claim.Target.Username = "root@pam" },
		"another token": func(l *lab) { l.claim.Target.TokenName = "x" },
		"not verified":  func(l *lab) { l.claim.Target.VerifyTls = false },
		"no pinned CA":  func(l *lab) { l.claim.Target.CaCertificate = "" },
		"damaged":       func(l *lab) { l.claim.SealedCredentials[70] ^= 1 },
		"none":          func(l *lab) { l.claim.SealedCredentials = nil },
		"no value":      func(l *lab) { l.claim.SealedCredentials = l.seal(l.claim.GetTarget(), "") },
		"password login": func(l *lab) {
			l.claim.Target.TokenName = ""
			l.claim.SealedCredentials = l.seal(l.claim.GetTarget(), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "8.4", jobs(5))
			edit(l)
			reports, _ := l.run()
			for _, k := range l.claim.GetKinds() {
				l.want(reports[k], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS)
			}
			if n := len(l.sim.Requests()); n > 0 {
				t.Errorf("the cluster was asked: %v", l.sim.Requests())
			}
		})
	}
}

func TestAnEndpointWithoutAddressFails(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.claim.Target.Hosts = nil
	l.claim.SealedCredentials = l.seal(l.claim.GetTarget(), "some-secret")
	reports, _ := l.run()
	l.want(reports[backups], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_CONNECT)
}

func TestASnapshotThatIsNotStoredIsAFailure(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.publish = func(_ context.Context, s *proxopsv1.Snapshot) error {
		if s.GetKind() == backups {
			return fmt.Errorf("%w: encode", errTooLarge)
		}
		return errors.New("maximum bytes exceeded")
	}
	reports, _ := l.run()
	l.want(reports[backups], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE)
	l.want(reports[replications], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_INTERNAL)
}

func TestAKindOfALaterVersionFailsAlone(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.claim.Kinds = append(l.claim.Kinds, 99)
	reports, _ := l.run()
	l.want(reports[99], wasFailed, proxopsv1.ErrorKind_ERROR_KIND_INTERNAL)
	l.want(reports[backups], published, 0)
}

func TestRefusalsSettleTheTaskUnlessAPersonWaits(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	for reason := range proxopsv1.RefusalReason_name {
		l.refusal = &proxopsv1.Refusal{Reason: proxopsv1.RefusalReason(reason)}
		busy := l.refusal.GetReason() == proxopsv1.RefusalReason_REFUSAL_REASON_BUSY
		if err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7, Trigger: scheduled}); err != nil {
			t.Errorf("%v of a tick: %v", l.refusal.GetReason(), err)
		}
		err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7, Trigger: manual})
		if (fault.KindOf(err) == fault.Conflict) != busy || (err != nil) != busy {
			t.Errorf("%v of a manual task: %v", l.refusal.GetReason(), err)
		}
		if err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7, Trigger: manual, JobId: "0190-job"}); err != nil {
			t.Errorf("%v of a task of a job, which gets another one: %v", l.refusal.GetReason(), err)
		}
	}
	if n := len(l.sim.Requests()); n > 0 || len(l.reports) > 0 {
		t.Errorf("%d calls and %d reports without a claim", n, len(l.reports))
	}
}

func TestTasksThatCannotBeReadAreGivenUpAndTicksAreNotTriedForEver(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	if err := l.runner.Handle(t.Context(), bus.Msg{Data: []byte("nonsense")}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("nonsense: %v", err)
	}
	message := func(task *proxopsv1.Task) []byte {
		data, err := bus.Encode(task)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if err := l.runner.Handle(t.Context(), bus.Msg{Data: message(&proxopsv1.Task{})}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a task without endpoint: %v", err)
	}
	l.claimErr = fault.New(fault.Unavailable, "no projector")
	for trigger, last := range map[proxopsv1.Trigger]bool{scheduled: true, manual: false} {
		data := message(&proxopsv1.Task{EndpointId: 7, Trigger: trigger})
		if err := l.runner.Handle(t.Context(), bus.Msg{Data: data, Deliveries: maxTicks - 1}); err == nil {
			t.Errorf("%v is given up at once", trigger)
		}
		if err := l.runner.Handle(t.Context(), bus.Msg{Data: data, Deliveries: maxTicks}); (err == nil) != last {
			t.Errorf("%v at last: %v", trigger, err)
		}
	}
}

func TestAReportIsRepeatedUntilItIsAnswered(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	l.reportErr = []error{fault.New(fault.Unavailable, "no projector"), errors.New("database away")}
	reports, _ := l.run()
	l.want(reports[backups], published, 0)

	l.claim.ValidFor = durationpb.New(time.Second)
	l.reportErr = make([]error, 1000)
	for i := range l.reportErr {
		l.reportErr[i] = fault.New(fault.Unavailable, "no projector")
	}
	start := time.Now()
	if err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7}); err == nil {
		t.Error("a run that nobody heard of is settled")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the report was repeated for %v after a claim of 1 s", took)
	}
}

func TestUnverifiedCertificatesAreLoggedOncePerEndpoint(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	l.run() // verified at first
	l.claim.Target.VerifyTls = false
	l.claim.SealedCredentials = l.seal(l.claim.GetTarget(), l.sim.Token().Secret)
	for range 3 {
		l.run()
	}
	if n := strings.Count(l.log.String(), "certificates of an endpoint are not verified"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, l.log.String())
	}
}

func TestNoSecretLeavesTheRunner(t *testing.T) {
	const secret = "3f1c2d4e-planted-secret-0badcafe"
	l := newLab(t, "9.2", jobs(3), pvesim.WithToken(pvesim.Token{User: "a@pve", Name: "b", Secret: secret}))
	l.claim.Kinds = append(l.claim.Kinds, inventory)
	l.sim.Edit(func(w *pvesim.World) { w.Backups[0].Comment = "do not tell: " + secret })
	var told strings.Builder
	look := func() {
		reports, snapshots := l.run()
		fmt.Fprintf(&told, "%v %+v %v %+v", reports, reports, snapshots, snapshots)
		for _, r := range l.reports {
			fmt.Fprintf(&told, "%v", r)
		}
	}
	look()
	l.runner.Limits.RequestTimeout = 100 * time.Millisecond
	for _, f := range pvesim.AllFaults() {
		f.Apply(l.sim)
		look()
		f.Undo(l.sim)
	}
	l.claim.Target.TokenName = "other"
	look()
	fmt.Fprintf(&told, "%v %+v %#v", l.runner, l.claim, seal.Secret(secret))
	if strings.Contains(told.String()+l.log.String(), secret) {
		t.Error("the secret was told")
	}
	if !strings.Contains(told.String(), "do not tell: [redacted]") {
		t.Error("the comment that repeats the secret was not seen at all")
	}
}

func TestAddressesOfIPv6AreDialled(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6 loopback: %v", err)
	}
	_ = ln.Close()
	l := newLab(t, "8.4", jobs(1))
	sim := pvesim.New("8.4", jobs(1), pvesim.WithListen("[::1]:0"))
	l.claim = l.claimOf(pvesim.StartT(t, sim), func(t *proxopsv1.Target) { t.Hosts = []string{"::1"} })
	reports, _ := l.run()
	l.want(reports[backups], published, 0)
}
