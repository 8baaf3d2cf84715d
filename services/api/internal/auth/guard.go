package auth

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
)

// Guard slows down who guesses tokens and passwords. It counts failures only, by the address they come from (of IPv6 by its network of 64 bits),
// by the key of the token, and by the name of the user. A token that is valid always works, whatever came from its address before: tokens are
// too long to be guessed, and their limit keeps noise low. A password is not even looked at while its address or user has too many failures.
// A nil Guard lets everything pass.
type Guard struct {
	addresses, keys, users *failures
	hashing                chan struct{}
	log                    *slog.Logger
}

// How much less users may fail than addresses: people mistype a few times, and addresses stand for many people.
const (
	userBurst = 5
	userEvery = 10
)

// NewGuard returns a guard that lets an address or a token fail burst times at once, and then once in each interval; a user a fifth of that at
// once, and then once in ten intervals.
func NewGuard(burst int, every time.Duration, log *slog.Logger) *Guard {
	return &Guard{
		addresses: newFailures(burst, every), keys: newFailures(burst, every), users: newFailures(max(burst/userBurst, 1), every*userEvery),
		hashing: make(chan struct{}, max(runtime.GOMAXPROCS(0), 2)), log: log,
	}
}

// Throttled is the error of who has failed too often.
type Throttled struct{ Wait time.Duration }

// Seconds returns how many seconds to wait, at least one.
func (t Throttled) Seconds() int { return max(int(math.Ceil(t.Wait.Seconds())), 1) }

// Error implements error.
func (t Throttled) Error() string {
	unit := "seconds"
	if t.Seconds() == 1 {
		unit = "second"
	}
	return fmt.Sprintf("Request was throttled. Expected available in %d %s.", t.Seconds(), unit)
}

// count counts a failure of an address and of what it tried. The error is Throttled when one of them has too many already.
func (g *Guard) count(ctx context.Context, client netip.Addr, of *failures, name, what string) error {
	address := network(client)
	wait, first := g.addresses.add(address)
	by := "address"
	if wait == 0 {
		if wait, first = of.add(name); wait > 0 {
			g.addresses.forgive(address)
			by = what
		}
	}
	if wait == 0 {
		return nil
	}
	if first { // never the name: people paste secrets into the wrong field
		g.log.WarnContext(ctx, "too many failed attempts to authenticate", "kind", what, "counted_by", by, "client", client.String())
	}
	return fault.Wrap(fault.Denied, Throttled{wait}, "authenticate")
}

// badToken counts a token that is not valid; the key is "" for one of version 1.
func (g *Guard) badToken(ctx context.Context, client netip.Addr, key string) error {
	switch {
	case g == nil:
		return nil
	case key == "":
		key = network(client)
	}
	return g.count(ctx, client, g.keys, key, "token")
}

// CheckPassword says whether a user's password has this hash, which is "" for a user that does not exist. The error is Throttled while the
// client's address or the user has too many failures. Only a few passwords are hashed at a time, as each takes much memory.
func (g *Guard) CheckPassword(ctx context.Context, client netip.Addr, username string, password seal.Secret, hash string) (bool, error) {
	if g == nil {
		return CheckPassword(password, hash), nil
	}
	// It counts as failed until it is known to be right, so that many at once do not slip through.
	name := strings.ToLower(username)
	if err := g.count(ctx, client, g.users, name, "password"); err != nil {
		return false, err
	}
	select {
	case g.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
	right := CheckPassword(password, hash)
	<-g.hashing
	if right {
		g.addresses.forgive(network(client))
		g.users.forgive(name)
	}
	return right, nil
}

// network names the clients that an address may stand for.
func network(client netip.Addr) string {
	client = client.Unmap()
	if client.Is6() {
		if p, err := client.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return client.String()
}
