// Package bus connects a service to NATS JetStream: connection, streams, consuming, request and reply, encoding.
package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/fault"
)

// MinAPILevel of JetStream is the one of nats-server 2.14, the first with everything we use.
const MinAPILevel = 4

// Config says where NATS is and who connects. URL and Name are required.
type Config struct {
	// URL of one server or, separated by commas, of several of a cluster. It may carry user and password.
	URL string
	// CredsFile holds the credentials of the user, where the servers want a JWT.
	CredsFile string
	// Name of the service: poller, projector, api, admin. Replies come to _INBOX.<Name>, which its NATS user must be
	// allowed to subscribe to.
	Name string
	// Replicas of the streams that EnsureStreams and EnsureEvents make. Default 1.
	Replicas int
	// Log gets a line when the connection is lost or back, and about messages that are given up. Default: discarded.
	Log *slog.Logger
}

// Bus is a connection to NATS. All its methods may be called at once.
type Bus struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      *slog.Logger
	replicas int
	where    string // the URL without password
}

// Connect connects and checks that JetStream is there and new enough. Its error is one line without any password:
// fault.Invalid for a wrong configuration, fault.Denied for wrong credentials, fault.Unavailable when nobody answers. A
// connection that was made once is kept up for ever; while it is down, publishing fails at once rather than being put off.
func Connect(ctx context.Context, cfg Config) (*Bus, error) {
	b := &Bus{
		log:      cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		replicas: cmp.Or(cfg.Replicas, 1),
	}
	var ok bool
	if b.where, ok = redact(cfg.URL); !ok { // the parser's own text quotes the url, and with it the password
		return nil, fault.New(fault.Invalid,
			"connect to NATS: the url cannot be read: expected nats://user:password@host:4222, several separated by commas, with %%xx for special characters")
	}
	if cfg.URL == "" || cfg.Name == "" || strings.ContainsAny(cfg.Name, ".*> \t\r\n") {
		return nil, fault.New(fault.Invalid, "connect to NATS at %q as %q: both url and name are needed, and the name must be one subject token", b.where, cfg.Name)
	}
	var err error
	if b.nc, err = nats.Connect(cfg.URL, b.options(cfg)...); err != nil {
		return nil, fault.Wrap(kindOf(err), err, "connect to NATS at %s", b.where)
	}
	if b.js, err = jetstream.New(b.nc); err != nil {
		b.nc.Close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	if err := b.checkLevel(ctx); err != nil {
		b.nc.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bus) options(cfg Config) []nats.Option {
	opts := []nats.Option{
		nats.Name(cfg.Name),
		nats.CustomInboxPrefix("_INBOX." + cfg.Name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a server that forgot its users for a while is no reason to end
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, time.Second),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(20 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // not our own Close
				b.log.Warn("connection to nats lost", "url", b.where, "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			server, _ := redact(nc.ConnectedUrl())
			b.log.Info("connected to nats again", "url", server)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Warn("nats reports an error", "url", b.where, "subject", subject, "err", err)
		}),
	}
	if cfg.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(cfg.CredsFile))
	}
	return opts
}

// checkLevel refuses a server without JetStream, or with one that lacks what we use.
func (b *Bus) checkLevel(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return fault.Wrap(kindOf(err), err, "ask NATS at %s for JetStream", b.where)
	}
	if info.API.Level < MinAPILevel {
		return fault.New(fault.Unavailable, "nats-server at %s has JetStream API level %d, %d is needed: run nats-server 2.14.5 or newer",
			b.where, info.API.Level, MinAPILevel)
	}
	return nil
}

// kindOf says what a caller can do about an error of NATS.
func kindOf(err error) fault.Kind {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return fault.Denied
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Unavailable
	}
	return fault.KindOf(err)
}

// redact takes users and passwords out of a list of urls. It returns nothing and false if one of them cannot be read.
func redact(list string) (string, bool) {
	servers := strings.Split(list, ",")
	for i, s := range servers {
		s = strings.TrimSpace(s)
		if s != "" && !strings.Contains(s, "://") {
			s = "nats://" + s // as nats.Connect has it
		}
		u, err := url.Parse(s)
		if err != nil {
			return "", false
		}
		u.User = nil
		servers[i] = u.String()
	}
	return strings.Join(servers, ","), true
}

// Conn is the connection itself, for what is not stored.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// JetStream is the API of what is stored.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Ready returns nil while the connection is up, and else fault.Unavailable. It is meant for a readiness check.
func (b *Bus) Ready(context.Context) error {
	if b.nc.IsConnected() {
		return nil
	}
	return fault.New(fault.Unavailable, "NATS at %s: %s", b.where, strings.ToLower(b.nc.Status().String()))
}

// Close sends what is buffered, for at most a second, and disconnects. Everything that uses the bus must have ended.
func (b *Bus) Close() {
	_ = b.nc.FlushTimeout(time.Second)
	b.nc.Close()
}
