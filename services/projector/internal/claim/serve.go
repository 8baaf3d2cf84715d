package claim

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Serve answers on the bus until ctx ends, sharing requests with every other desk.
func (d *Desk) Serve(ctx context.Context, b *bus.Bus) error {
	return app.Run(ctx,
		func(ctx context.Context) error {
			return b.Respond(ctx, subjects.AllClaims, subjects.QueueProjector, func(ctx context.Context, m bus.Msg) (proto.Message, error) {
				req := &proxopsv1.ClaimRequest{}
				if err := bus.Decode(m.Data, req); err != nil {
					return nil, err
				}
				return d.Claim(ctx, subjects.SiteOf(m.Subject), req)
			})
		},
		func(ctx context.Context) error {
			return b.Respond(ctx, subjects.AllReports, subjects.QueueProjector, func(ctx context.Context, m bus.Msg) (proto.Message, error) {
				r := &proxopsv1.RunReport{}
				if err := bus.Decode(m.Data, r); err != nil {
					return nil, err
				}
				return d.Report(ctx, subjects.SiteOf(m.Subject), r)
			})
		},
	)
}
