package claim_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/natstest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

func TestTheSiteOfTheSubjectCounts(t *testing.T) {
	o := newOffice(t)
	b := natstest.Connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.desk.Serve(ctx, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	e := o.endpoint("site = 'branch'")
	ask := func(site string) (*proxopsv1.ClaimReply, error) {
		reply := &proxopsv1.ClaimReply{}
		deadline := time.Now().Add(30 * time.Second)
		for {
			err := b.Request(t.Context(), subjects.Claim(site), &proxopsv1.ClaimRequest{EndpointId: e, Trigger: manual, Kinds: []proxopsv1.Kind{backups}}, reply)
			if err == nil || time.Now().After(deadline) || !strings.Contains(err.Error(), "no projector is connected") {
				return reply, err
			}
		}
	}
	reply, err := ask("default")
	if err != nil {
		t.Fatal(err)
	}
	o.refused(reply, proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN)
	reply, err = ask("branch")
	if err != nil || reply.GetClaim() == nil {
		t.Fatalf("%v, %v", reply, err)
	}
	current := &proxopsv1.ReportReply{}
	report := &proxopsv1.RunReport{EndpointId: e, Generation: 1, Kinds: []*proxopsv1.KindReport{failed(backups, proxopsv1.ErrorKind_ERROR_KIND_AUTH)}}
	if err := b.Request(t.Context(), subjects.Report("default"), report, current); err != nil || current.GetCurrent() {
		t.Errorf("another site reports: %v, %v", current, err)
	}
	if err := b.Request(t.Context(), subjects.Report("branch"), report, current); err != nil || !current.GetCurrent() {
		t.Errorf("the site reports: %v, %v", current, err)
	}
	// What the database says is not for pollers.
	o.exec(`ALTER TABLE endpoint_states RENAME TO elsewhere`)
	_, err = ask("branch")
	if fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "endpoint_states") {
		t.Errorf("a broken database is answered with %v", err)
	}
	msg, err := b.Conn().RequestWithContext(t.Context(), subjects.Claim("branch"), []byte("garbage"))
	if err != nil || msg.Header.Get("Proxops-Fault") != "invalid" {
		t.Errorf("garbage is answered with %v, %v", msg, err)
	}
}
