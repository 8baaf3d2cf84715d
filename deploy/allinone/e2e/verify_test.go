package e2e

import (
	"context"
	"testing"

	"github.com/proxops/proxops/services/projector/verify"
)

// verify holds jobs, change log and stream against each other, as `proxops verify` does.
func (l *lab) verify(ctx context.Context, t *testing.T) {
	t.Helper()
	report, err := verify.Run(ctx, l.pool, l.bus.JetStream(), verify.Options{})
	if err != nil {
		t.Errorf("verify: %v", err)
	} else if !report.OK() {
		t.Errorf("verify found counter-examples:\n%s", report)
	}
}
