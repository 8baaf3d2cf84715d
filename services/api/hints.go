package api

import (
	"context"
	"log/slog"

	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/syncjob"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// hints tells other services what requests changed. What matters is in Postgres, where they find it by themselves a while later.
type hints struct {
	bus *bus.Bus
	log *slog.Logger
}

func (h hints) endpointsChanged(ctx context.Context) { h.send(ctx, subjects.ControlEndpoints, nil) }

func (h hints) jobsChanged(ctx context.Context) { h.send(ctx, subjects.ControlJobs, nil) }

// jobCancelled spares clusters the rest of the runs, and shows whoever watches the job that it ended.
func (h hints) jobCancelled(ctx context.Context, job int32, stopped []syncjob.Run) {
	h.runsStopped(ctx, stopped)
	h.send(ctx, subjects.Progress(job, 0), nil)
}

// runsStopped spares clusters the rest of runs.
func (h hints) runsStopped(ctx context.Context, stopped []syncjob.Run) {
	for _, run := range stopped {
		h.send(ctx, subjects.Cancel(run.Site), &proxopsv1.CancelRun{EndpointId: int64(run.Endpoint), Generation: run.Generation})
	}
}

// send publishes on core NATS, without content if there is no message.
func (h hints) send(ctx context.Context, subject string, m proto.Message) {
	var data []byte
	var err error
	if m != nil {
		data, err = bus.Encode(m)
	}
	if err == nil {
		err = h.bus.Conn().Publish(subject, data)
	}
	if err != nil {
		h.log.WarnContext(ctx, "hint was not sent", "subject", subject, "err", err)
	}
}
