package cli

import (
	"context"
	"errors"
	"os"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/obs"
)

// Run runs the product for real clusters.
type Run struct {
	Where

	Listen            string        `help:"Address of REST." default:"127.0.0.1:8080" env:"PROXOPS_LISTEN"`
	AllowLocalTargets bool          `help:"Allow endpoints at loopback, link-local and metadata addresses." env:"PROXOPS_ALLOW_LOCAL_TARGETS"`
	Log               obs.LogConfig `embed:"" prefix:"log-" envprefix:"PROXOPS_"`
}

// Run runs until ctx ends.
func (c *Run) Run(ctx Context) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	return serve(ctx, allinone.Config{
		DataDir: dir, Listen: c.Listen, DatabaseURL: c.DatabaseURL, NATSURL: c.NATSURL,
		AllowLocalTargets: c.AllowLocalTargets, Log: obs.NewLogger(os.Stderr, c.Log),
	}, nil)
}

// serve starts a stack, says when it is ready, and runs it beside the other parts until ctx ends. Prepare, if any, is called when REST
// answers and before the ready line.
func serve(ctx context.Context, cfg allinone.Config, prepare func(ctx context.Context, s *allinone.Stack, r allinone.Ready) error,
	parts ...func(context.Context) error,
) (err error) {
	s, err := allinone.Start(ctx, cfg)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	announce := func(ctx context.Context) error {
		r, err := s.Ready(ctx)
		if err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(ctx, s, r); err != nil {
				return err
			}
		}
		return r.Print(os.Stdout)
	}
	return ended(ctx, app.Run(ctx, append(parts, s.Run, announce)...))
}

// ended takes what was cut short by a signal for the orderly end that it is.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
