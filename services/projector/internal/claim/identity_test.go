package claim_test

import (
	"testing"
	"time"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestAReportOfAnotherClusterIsNotedForAPersonToAccept(t *testing.T) {
	const wrong, other = proxopsv1.ErrorKind_ERROR_KIND_IDENTITY, proxopsv1.ErrorKind_ERROR_KIND_QUORUM
	o := newOffice(t)
	e := o.endpoint()
	report := func(generation int64, by *proxopsv1.Identity, kinds ...*proxopsv1.KindReport) {
		t.Helper()
		_, err := o.desk.Report(t.Context(), "default", &proxopsv1.RunReport{EndpointId: e, Generation: generation, Identity: by, Kinds: kinds})
		if err != nil {
			t.Fatal(err)
		}
	}
	noted := func(what, want string) {
		t.Helper()
		equal(o, what, one[string](o, `SELECT concat_ws(' ', other_name, other_standalone, other_seen IS NOT NULL, cluster_name) FROM endpoint_states`), want)
	}
	beta := &proxopsv1.Identity{Name: "beta"}
	c := o.granted(e, manual, backups)
	report(c.GetGeneration(), beta, failed(backups, wrong))
	noted("no identity is pinned", " f f ")

	o.exec(`UPDATE endpoint_states SET cluster_name = 'alpha'`)
	c = o.granted(e, manual, backups, replications)
	report(c.GetGeneration()-1, beta, failed(backups, wrong))
	noted("a run that was overtaken", " f f alpha")
	report(c.GetGeneration(), beta, failed(backups, other), published(replications))
	noted("it failed for another reason", " f f alpha")
	report(c.GetGeneration(), beta, failed(backups, wrong), published(replications))
	noted("the kind has its outcome already", " f f alpha")
	o.pass(3 * time.Minute)

	c = o.granted(e, manual, backups)
	report(c.GetGeneration(), nil, failed(backups, wrong))
	noted("the poller does not say which", " f f alpha")
	c = o.granted(e, manual, backups)
	report(c.GetGeneration(), &proxopsv1.Identity{Name: "alpha"}, failed(backups, wrong))
	noted("it is the pinned one", " f f alpha")

	c = o.granted(e, manual, backups, replications)
	report(c.GetGeneration(), beta, failed(backups, wrong), failed(replications, wrong))
	noted("another cluster", "beta f t alpha")
	c = o.granted(e, manual, backups)
	report(c.GetGeneration(), &proxopsv1.Identity{Name: "al\x00pha", Standalone: true}, failed(backups, wrong))
	noted("a host of the same name", "alpha t t alpha")
}
