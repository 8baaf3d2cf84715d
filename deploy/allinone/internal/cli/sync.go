package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/admin"
)

// Sync synchronises endpoints now.
type Sync struct {
	Where

	Type     []string      `help:"What to read: backup-routines, replications, inventory; several separated by commas. Default: all." placeholder:"TYPE" sep:"none"`
	Endpoint []string      `help:"Name or id of an endpoint to read, even if it is read only when asked; several separated by commas. Default: all that are enabled." placeholder:"ENDPOINT" sep:"none"`
	Wait     bool          `help:"Wait for the end, and show how it goes. The exit status is 0 if all was read, 1 if not, 2 if that is not known as nobody waits any more."`
	Timeout  time.Duration `help:"With --wait: wait no longer than this; 0: for ever. The job goes on." default:"0"`
}

var (
	// errSync says that a job ended, and not well.
	errSync = errors.New("not all was read")
	// ErrUnknown says that a command ended before what it waited for.
	ErrUnknown = errors.New("nobody waits for it any more")
)

// Run starts a job, and waits for its end if asked to.
func (c *Sync) Run(ctx Context) error {
	if c.Timeout != 0 && !c.Wait {
		return errors.New("--timeout goes with --wait")
	}
	types, err := names("--type", c.Type)
	if err != nil {
		return err
	}
	endpoints, err := names("--endpoint", c.Endpoint)
	if err != nil {
		return err
	}
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
		id, err := s.Start(ctx, types, endpoints)
		if err != nil {
			return err
		}
		// Whoever misses it looks by itself a few seconds later.
		_ = b.Conn().Publish(subjects.ControlJobs, nil)
		fmt.Printf("sync job %d is under way\n", id)
		if !c.Wait {
			return nil
		}
		return c.follow(ctx, b, s, id)
	})
}

// names takes lists apart. An empty name is a mistake, such as a variable that is not set, and must not come to mean everything.
func names(flag string, given []string) (out []string, err error) {
	for _, list := range given {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name == "" {
				return nil, fmt.Errorf("%s has an empty name: leave it out to mean all", flag)
			}
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out, nil
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
	var told lines
	for {
		p, err := s.Progress(ctx, id, told.settled)
		if ctx.Err() != nil {
			meter.close()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("sync job %d goes on after %s, and %w", id, c.Timeout, ErrUnknown)
			}
			return fmt.Errorf("sync job %d goes on, and %w", id, ErrUnknown)
		}
		if fault.KindOf(err) == fault.NotFound {
			meter.close()
			return err
		}
		if err != nil {
			meter.close()
			return fmt.Errorf("sync job %d goes on when proxops does, and %w: its database does not answer: %w", id, ErrUnknown, err)
		}
		p.Lines = told.fresh(p.Lines)
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

// lines are those of a log that were shown. A line may be seen before one with a smaller number, as they are written at once by many.
type lines struct {
	settled int64 // nothing comes before this one any more
	shown   map[int64]bool
}

// settling is how long a line may be on its way.
const settling = 10 * time.Second

// fresh returns those that were not shown yet.
func (l *lines) fresh(all []admin.SyncLine) (out []admin.SyncLine) {
	if l.shown == nil {
		l.shown = map[int64]bool{}
	}
	for _, line := range all {
		if !l.shown[line.ID] {
			l.shown[line.ID], out = true, append(out, line)
		}
	}
	for _, line := range all {
		if time.Since(line.Time) < settling {
			break
		}
		l.settled = line.ID
	}
	return out
}
