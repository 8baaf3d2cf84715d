package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// userKey, epochKey and seenKey are where a session has the id of its user, the epoch of their password, and when they came last, in Unix time.
const (
	userKey  = "user"
	epochKey = "epoch"
	seenKey  = "seen"
)

// sessionLife is how long a person stays logged in without coming back, and seenEvery how exactly it is known when they did.
const (
	sessionLife = 14 * 24 * time.Hour
	seenEvery   = time.Hour
)

// Cookie is the name of the cookie of a session.
const Cookie = "proxops_session"

// NewSessions returns sessions that are kept in Postgres. Secure cookies are for servers that browsers reach by https alone. [ForgetSessions] removes
// those that ended.
func NewSessions(pool *pgxpool.Pool, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Store = pgxstore.NewWithCleanupInterval(pool, 0) // its own way to stop removing them is a data race
	m.HashTokenInStore = true
	// No IdleTimeout: it saves the session after each request, and so one that was destroyed meanwhile comes back. See seenKey.
	m.Lifetime = 4 * sessionLife
	m.Cookie.Name, m.Cookie.HttpOnly, m.Cookie.Secure, m.Cookie.SameSite = Cookie, true, secure, http.SameSiteLaxMode
	return m
}

// forgetEvery is how often sessions that ended are removed.
const forgetEvery = 10 * time.Minute

// ForgetSessions removes sessions that ended until ctx does. What fails is tried again the next time.
func ForgetSessions(ctx context.Context, queries *store.Queries, log *slog.Logger) error {
	for {
		if err := queries.SessionsForget(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "sessions that ended are not removed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(forgetEvery):
		}
	}
}

// identify finds out who looks. A user who is no longer active is nobody.
func (p *page) identify(ctx context.Context) error {
	who, err := whose(ctx, p.Sessions, p.Accounts)
	if err != nil {
		return err
	}
	if who == nil {
		if p.Sessions.Exists(ctx, userKey) {
			return p.Sessions.Destroy(ctx)
		}
		return nil
	}
	p.who = who
	if sinceSeen(ctx, p.Sessions) > seenEvery {
		p.Sessions.Put(ctx, seenKey, time.Now().Unix())
	}
	p.prefs = readPreferences(who.Preferences)
	return nil
}

// toLogin sends to the login page, and back here after it.
func (p *page) toLogin() answer {
	back := p.http.URL.RequestURI()
	if p.http.Method != http.MethodGet || back == "/" {
		return answer{to: "/login/"}
	}
	return answer{to: "/login/?next=" + url.QueryEscape(back)}
}

// next is where to go after login: a path of this server.
func next(r *http.Request) string {
	to := r.FormValue("next")
	// Browsers leave out tabs and line ends, and take a backslash for a slash.
	odd := func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, odd) {
		return "/"
	}
	return to
}

func (w *Web) login(ctx context.Context, p *page) (answer, error) {
	if p.who != nil {
		return answer{to: next(p.http)}, nil
	}
	if p.http.Method != http.MethodPost {
		return answer{title: "Log in", body: loginPage(next(p.http), "", "")}, nil
	}
	name := strings.TrimSpace(p.http.PostFormValue("username"))
	who, err := w.Accounts.Login(ctx, name, seal.Secret(p.http.PostFormValue("password")), w.Client(p.http))
	if t, ok := errors.AsType[auth.Throttled](err); ok {
		text := fmt.Sprintf("Too many attempts failed. Try again in %s.", time.Duration(t.Seconds())*time.Second)
		return answer{
			status: http.StatusTooManyRequests, title: "Log in", body: loginPage(next(p.http), name, text), headers: map[string]string{"Retry-After": strconv.Itoa(t.Seconds())},
		}, nil
	}
	if text, ok := refusedText(err); ok {
		return answer{status: http.StatusForbidden, title: "Log in", body: loginPage(next(p.http), name, text)}, nil
	}
	if err != nil {
		return answer{}, err
	}
	// Another token, so that one that was planted before the login is worth nothing.
	if err := w.Sessions.RenewToken(ctx); err != nil {
		return answer{}, err
	}
	w.enter(ctx, who)
	if err := w.Queries.UserLoggedIn(ctx, who.UserID); err != nil {
		return answer{}, err
	}
	return answer{to: next(p.http)}, nil
}

// enter makes a session one of a user, until their password changes.
func (w *Web) enter(ctx context.Context, who *auth.Principal) {
	w.Sessions.Put(ctx, userKey, who.UserID)
	w.Sessions.Put(ctx, epochKey, who.Epoch)
	w.Sessions.Put(ctx, seenKey, time.Now().Unix())
}

// whose is the user of a session; nil if it is nobody's, or no longer theirs: it was left alone for too long, the user is not active any more, or has
// another password.
func whose(ctx context.Context, sessions *scs.SessionManager, accounts Accounts) (*auth.Principal, error) {
	id := sessions.GetInt32(ctx, userKey)
	if id == 0 || sinceSeen(ctx, sessions) > sessionLife {
		return nil, nil
	}
	who, err := accounts.ByID(ctx, id)
	if fault.KindOf(err) == fault.Denied || err == nil && who.Epoch != sessions.GetString(ctx, epochKey) {
		return nil, nil
	}
	return who, err
}

var crossOrigin = http.NewCrossOriginProtection()

// crossSite says that a request that writes comes from a page of another site. Browsers that do not say so name the origin of the page, which is held
// against the one by which they reach this server: a proxy may ask for another host.
func crossSite(r *http.Request, origin string) bool {
	asked := r.WithContext(r.Context()) // a copy
	_, asked.Host, _ = strings.Cut(origin, "://")
	return crossOrigin.Check(asked) != nil
}

func sinceSeen(ctx context.Context, sessions *scs.SessionManager) time.Duration {
	return time.Since(time.Unix(sessions.GetInt64(ctx, seenKey), 0))
}

func (w *Web) logout(ctx context.Context, _ *page) (answer, error) {
	return answer{to: "/login/"}, w.Sessions.Destroy(ctx)
}

// refusedText is what a refusal says to a person, if it is one.
func refusedText(err error) (string, bool) {
	if err == nil || fault.KindOf(err) != fault.Denied {
		return "", false
	}
	return detailOf(err, "You may not log in."), true
}

// detailOf is the text of an error that is meant for people.
func detailOf(err error, otherwise string) string {
	if d, ok := errors.AsType[resource.Detail](err); ok {
		return string(d)
	}
	return otherwise
}
