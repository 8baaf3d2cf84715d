package poll

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// answerTimeout bounds one request to a projector.
const answerTimeout = 5 * time.Second

// Link is a poller's side of the bus.
type Link struct {
	Bus  *bus.Bus
	Site string
}

// Claim asks a projector for the right to read an endpoint.
func (l Link) Claim(ctx context.Context, in *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var out proxopsv1.ClaimReply
	return &out, l.Bus.Request(ctx, subjects.Claim(l.Site), in, &out)
}

// Report tells a projector how a run ended.
func (l Link) Report(ctx context.Context, in *proxopsv1.RunReport) (*proxopsv1.ReportReply, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var out proxopsv1.ReportReply
	return &out, l.Bus.Request(ctx, subjects.Report(l.Site), in, &out)
}

// Publish stores a snapshot in the stream SNAPSHOTS.
func (l Link) Publish(ctx context.Context, s *proxopsv1.Snapshot) error {
	subject := subjects.Snapshot(s.GetKind(), s.GetEndpointId())
	data, err := bus.Encode(s)
	if fault.KindOf(err) == fault.Invalid {
		return fmt.Errorf("%w: %w", errTooLarge, err)
	}
	if err != nil {
		return err
	}
	if _, err := l.Bus.JetStream().Publish(ctx, subject, data, jetstream.WithExpectStream(subjects.StreamSnapshots)); err != nil {
		return fmt.Errorf("publish to %s: %w", subject, err)
	}
	return nil
}
