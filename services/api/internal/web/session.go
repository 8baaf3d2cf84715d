package web

import (
	"context"
	"errors"
	"fmt"
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
)

// These are where a session has the id of its user, the epoch of their password, and when they logged in.
const (
	userKey  = "user"
	epochKey = "epoch"
	sinceKey = "since"
)

const (
	// sessionLife is how long a person stays logged in without coming back, and sessionMax how long with it.
	sessionLife = 14 * 24 * time.Hour
	sessionMax  = 4 * sessionLife
	// sessionGrain is how exactly: who looks at pages all the time writes a session no more often.
	sessionGrain = time.Hour
)

// Cookie is the name of the cookie of a session.
const Cookie = "proxops_session"

// NewSessions returns sessions that are kept in Postgres. Secure cookies are for servers that browsers reach by https alone. What is expired is
// removed every so often until stop is called.
func NewSessions(pool *pgxpool.Pool, secure bool) (sessions *scs.SessionManager, stop func()) {
	store := pgxstore.NewWithCleanupInterval(pool, 10*time.Minute)
	m := scs.New()
	m.Store = store
	m.HashTokenInStore = true
	m.Lifetime = sessionLife
	m.Cookie.Name, m.Cookie.HttpOnly, m.Cookie.Secure, m.Cookie.SameSite = Cookie, true, secure, http.SameSiteLaxMode
	return m, store.StopCleanup
}

// identify finds out who looks. A user who is no longer active is nobody.
func (p *page) identify(ctx context.Context) error {
	id := p.Sessions.GetInt32(ctx, userKey)
	if id == 0 {
		return nil
	}
	who, err := p.Accounts.ByID(ctx, id)
	if fault.KindOf(err) == fault.Denied || err == nil && who.Epoch != p.Sessions.GetString(ctx, epochKey) {
		return p.Sessions.Destroy(ctx)
	}
	if err != nil {
		return err
	}
	p.who = who
	stay(ctx, p.Sessions)
	p.prefs, err = p.loadPreferences(ctx)
	return err
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
	w.Sessions.Put(ctx, sinceKey, time.Now().Unix())
}

// stay puts off the end of the session of who came back.
func stay(ctx context.Context, sessions *scs.SessionManager) {
	end := time.Now().Add(sessionLife)
	if last := time.Unix(sessions.GetInt64(ctx, sinceKey), 0).Add(sessionMax); last.Before(end) {
		end = last
	}
	if end.Sub(sessions.Deadline(ctx)) > sessionGrain {
		sessions.SetDeadline(ctx, end.UTC())
	}
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
