package claim

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// patience bounds the work on one request: whoever asked waits no longer.
const patience = 10 * time.Second

// Serve answers on the bus until ctx ends, sharing requests with every other desk.
func (d *Desk) Serve(ctx context.Context, b *bus.Bus) error {
	return app.Run(ctx,
		func(ctx context.Context) error {
			return b.Respond(ctx, subjects.AllClaims, subjects.QueueProjector, func(ctx context.Context, m bus.Msg) (proto.Message, error) {
				req := &proxopsv1.ClaimRequest{}
				if err := bus.Decode(m.Data, req); err != nil {
					return nil, err
				}
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				reply, err := d.Claim(ctx, subjects.SiteOf(m.Subject), req)
				return reply, d.outwards(ctx, err)
			})
		},
		func(ctx context.Context) error {
			return b.Respond(ctx, subjects.AllReports, subjects.QueueProjector, func(ctx context.Context, m bus.Msg) (proto.Message, error) {
				r := &proxopsv1.RunReport{}
				if err := bus.Decode(m.Data, r); err != nil {
					return nil, err
				}
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				reply, err := d.Report(ctx, subjects.SiteOf(m.Subject), r)
				return reply, d.outwards(ctx, err)
			})
		},
	)
}

// outwards is what a poller gets to hear of an error. What happened between us and the database stays here, in the log.
func (d *Desk) outwards(ctx context.Context, err error) error {
	if err == nil || fault.KindOf(err) == fault.Invalid {
		return err
	}
	d.Log.ErrorContext(ctx, "request not answered", "err", err)
	return fault.New(fault.Unavailable, "the projector could not use its database: ask again later, and look at its log")
}
