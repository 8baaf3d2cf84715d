package poll

import (
	"strings"
	"testing"
)

func TestAReportSaysWhichOtherClusterAnswered(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.sim.Rename("other")
	reports, snapshots := l.run()
	if len(snapshots) > 0 {
		t.Errorf("snapshots of another cluster: %v", snapshots)
	}
	if got := l.reports[0].GetIdentity(); got.GetName() != "other" || got.GetStandalone() {
		t.Errorf("identity is %v", got)
	}
	l.want(reports[backups], wasFailed, identity)
	if got := reports[backups].GetError().GetRemedy(); !strings.HasSuffix(got, "/endpoints/proxmox/7/accept-identity/") {
		t.Errorf("remedy is %q", got)
	}
}
