package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/services/projector/verify"
)

// Verify checks a running system.
type Verify struct {
	Where

	Examples int           `help:"Counter-examples to show of each kind." default:"5"`
	Settle   time.Duration `help:"How long to wait for changes that are not published yet." default:"10s"`
}

// Run prints what was found; an error means that something was, or that it could not look.
func (c *Verify) Run(ctx Context) error {
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
		report, err := verify.Run(ctx, pool, b.JetStream(), verify.Options{Examples: c.Examples, Settle: c.Settle})
		if err != nil {
			return err
		}
		fmt.Print(report)
		if !report.OK() {
			return errors.New("job rows, change log and events do not tell one history")
		}
		return nil
	})
}
