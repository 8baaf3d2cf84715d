package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/admin"
)

// Sync synchronises endpoints now.
type Sync struct {
	Where

	Type     []string      `help:"What to read: backup-routines, replications, inventory; may be given more than once. Default: all." placeholder:"TYPE"`
	Endpoint []string      `help:"Name or id of an endpoint to read, even if it is read only when asked; may be given more than once. Default: all that are enabled." placeholder:"ENDPOINT"`
	Wait     bool          `help:"Wait for the end, and show how it goes. The exit status is 0 only if all was read."`
	Timeout  time.Duration `help:"Wait no longer than this; 0: for ever. The job goes on." default:"0"`
}

// errSync says that a job ended, and not well.
var errSync = errors.New("not all was read")

// Run starts a job, and waits for its end if asked to.
func (c *Sync) Run(ctx Context) error {
	url, err := c.nats()
	if err != nil {
		return err
	}
	b, err := bus.Connect(ctx, bus.Config{URL: url, Name: "admin"})
	if err != nil {
		return err
	}
	defer b.Close()
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		s := admin.Syncs{Pool: pool}
		id, err := s.Start(ctx, c.Type, c.Endpoint)
		if err != nil {
			return err
		}
		// Whoever misses it looks by itself a few seconds later.
		_ = b.Conn().Publish(subjects.ControlJobs, nil)
		if !c.Wait {
			fmt.Printf("sync job %d is under way\n", id)
			return nil
		}
		return c.follow(ctx, b, s, id)
	})
}

// lookAgain is when to look at a job again if nothing is heard of it.
const lookAgain = time.Second

// follow shows how a job goes until it has ended.
func (c *Sync) follow(ctx context.Context, b *bus.Bus, s admin.Syncs, id int32) error {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	moved := make(chan *nats.Msg, 64)
	sub, err := b.Conn().ChanSubscribe(subjects.ProgressOf(id), moved)
	if err != nil {
		return fmt.Errorf("listen to the progress of sync job %d: %w", id, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	meter := newMeter(os.Stdout, id)
	var after int64
	for {
		p, err := s.Progress(ctx, id, after)
		if ctx.Err() != nil {
			meter.close()
			return fmt.Errorf("sync job %d goes on, and nobody waits for it any more: %w", id, context.Cause(ctx))
		}
		if err != nil {
			meter.close()
			return err
		}
		if n := len(p.Lines); n > 0 {
			after = p.Lines[n-1].ID
		}
		meter.progress(p)
		if p.Ended() {
			meter.close()
			if p.Status == "completed" {
				return nil
			}
			return fmt.Errorf("sync job %d %s, %w: %s", id, p.Status, errSync, p.Error)
		}
		select {
		case <-moved:
		case <-time.After(lookAgain):
		case <-ctx.Done():
		}
	}
}
