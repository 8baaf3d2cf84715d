// Package probe has a poller try the connection of an endpoint, and says in the words of REST what it saw. It changes nothing.
package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/connect"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Asker is the part of a bus that a probe needs.
type Asker interface {
	Request(ctx context.Context, subject string, in, out proto.Message) error
}

// Prober has pollers try connections. All its fields are required.
type Prober struct {
	Queries *store.Queries
	Bus     Asker
	Log     *slog.Logger
	// Timeout is how long a poller may take: every address of a cluster may let it wait.
	Timeout time.Duration
}

// Probe tries the connection of an endpoint, be it enabled or not, through a poller of its site. Its errors have a resource.Detail: fault.Invalid if
// the endpoint has no credentials, fault.NotFound if there is none, fault.Unavailable if no poller answers. That a poller cannot connect is no error.
func (p *Prober) Probe(ctx context.Context, endpoint int32) (*Result, error) {
	e, err := p.Queries.EndpointConnection(ctx, endpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse(fault.NotFound, "No ProxmoxEndpoint matches the given query.")
	}
	if err != nil {
		return nil, fmt.Errorf("read the connection of endpoint %d: %w", endpoint, err)
	}
	if len(e.SealedCredentials) == 0 {
		return nil, refuse(fault.Invalid, "Endpoint %s has no credentials to try: set an API token (username, token_name and token_value) on it.", e.Name)
	}
	target, err := connect.Fields{
		Name: e.Name, Domain: e.Domain, IPAddress: e.IpAddress, Port: e.Port, Username: e.Username, TokenName: e.TokenName,
		VerifySSL: e.VerifySsl, Fingerprints: e.Fingerprints, CACertificate: e.CaCertificate,
	}.Target()
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	seen := &proxopsv1.ProbeReply{}
	err = p.Bus.Request(asking, subjects.Probe(e.Site), &proxopsv1.ProbeRequest{EndpointId: int64(endpoint), Target: target, SealedCredentials: e.SealedCredentials}, seen)
	if err != nil {
		return nil, p.unanswered(ctx, e, err)
	}
	return resultOf(endpoint, e, seen), nil
}

// unanswered says why no poller has told what it saw.
func (p *Prober) unanswered(ctx context.Context, e store.EndpointConnectionRow, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case bus.Unattended(err):
		return refuse(fault.Unavailable, "No poller of site %s is connected to NATS, so nobody can try endpoint %s. Start a poller with PROXOPS_POLLER_SITE=%s, or correct the site of the endpoint.",
			e.Site, e.Name, e.Site)
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(fault.Unavailable, "The poller of site %s that was to try endpoint %s did not answer within %s. Look at its log, and try again.", e.Site, e.Name, p.Timeout)
	}
	if answer, ok := errors.AsType[bus.Answered](err); ok && fault.KindOf(err) == fault.Unavailable {
		return refuse(fault.Unavailable, "Endpoint %s was not tried: %s.", e.Name, answer)
	}
	p.Log.ErrorContext(ctx, "endpoint was not tried", "endpoint", e.Name, "site", e.Site, "err", err)
	return refuse(fault.Unavailable, "Endpoint %s was not tried: NATS or the poller of site %s refused the request. Look at the log of the api for the reason, and try again.", e.Name, e.Site)
}

func refuse(kind fault.Kind, format string, args ...any) error {
	return fault.Wrap(kind, resource.Detail(fmt.Sprintf(format, args...)), "try the connection of an endpoint")
}
