package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/api/admin"
	"github.com/proxops/proxops/services/poller"
	"github.com/proxops/proxops/services/projector"
)

// A service that is told to stop ends well, also when that comes while it starts.
func TestServicesEndWellWhileTheyStart(t *testing.T) {
	t.Parallel()
	l := bareLab(t)
	l.startProjector(t, nil) // makes the streams, which the end of this test wants to search
	eventually(t, "the streams", func() error { return l.messages(t.Context(), "EVENTS", nil) })
	for name, run := range map[string]func(context.Context) error{
		"projector": func(ctx context.Context) error {
			return projector.Run(ctx, projector.Config{DatabaseURL: l.url, NATSURL: l.nats.URL(localnats.Projector)}, projector.Deps{Log: l.log.of("projector")})
		},
		"poller": func(ctx context.Context) error {
			return poller.Run(ctx, poller.Config{NATSURL: l.nats.URL(localnats.Poller), KeyFile: l.keyFile}, poller.Deps{Log: l.log.of("poller")})
		},
		"api": func(ctx context.Context) error {
			ln, err := httpd.Listen(ctx, "127.0.0.1:0")
			if err != nil {
				return nil
			}
			return api.Run(ctx, api.Config{
				DatabaseURL: l.url, NATSURL: l.nats.URL(localnats.API), SiteKeys: map[string]string{"default": l.site.PublicKey()},
				Peppers: admin.Peppers{1: seal.Secret(pepper)},
			}, api.Deps{Log: l.log.of("api"), Listener: ln})
		},
	} {
		for after := time.Duration(0); after < 60*time.Millisecond; after += 2 * time.Millisecond {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			stop := time.AfterFunc(after, cancel)
			if after == 0 {
				cancel()
			}
			if err := run(ctx); err != nil {
				t.Errorf("%s, told to stop after %s, ended with: %v", name, after, err)
			}
			stop.Stop()
			cancel()
		}
	}
}
