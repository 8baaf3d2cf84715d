package postgres_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestOpenSpeaksUTCUnderItsName(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), pgtest.URL(t), postgres.Options{Name: "projector", MaxConns: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var zone, name string
	if err := pool.QueryRow(t.Context(), "SELECT current_setting('timezone'), current_setting('application_name')").Scan(&zone, &name); err != nil {
		t.Fatal(err)
	}
	if zone != "UTC" || name != "projector" || pool.Config().MaxConns != 3 {
		t.Errorf("time zone %q, name %q, at most %d connections", zone, name, pool.Config().MaxConns)
	}
}

func TestOpenSaysInOneLineWhyNot(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	change := func(fn func(*url.URL)) string { u := *good; fn(&u); return u.String() }
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // accepts, and says nothing
	for name, tc := range map[string]struct {
		url  string
		kind fault.Kind
		text string
	}{
		"nobody listens": {change(func(u *url.URL) { u.Host = "127.0.0.1:1" }), fault.Unavailable, "at 127.0.0.1:1 as user"},
		"silence":        {change(func(u *url.URL) { u.Host = ln.Addr().String() }), fault.Unavailable, "at " + ln.Addr().String()},
		"wrong user":     {change(func(u *url.URL) { u.User = url.UserPassword("eve", "hidden") }), fault.Denied, `as user "eve": `},
		"no database":    {change(func(u *url.URL) { u.Path = "missing" }), fault.NotFound, `database "missing"`},
		"no such host":   {change(func(u *url.URL) { u.Host = "db.invalid:5432" }), fault.Unavailable, "at db.invalid:5432 as user"},
		"no url":         {"postgres://u:hidden@ho st/x", fault.Invalid, "postgres://user:password@host"},
		"odd password":   {"postgres://u:hid%zzden@host/x", fault.Invalid, "postgres://user:password@host"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		pool, err := postgres.Open(ctx, tc.url, postgres.Options{ConnectTimeout: 300 * time.Millisecond})
		cancel()
		if err == nil {
			pool.Close()
			t.Errorf("%s: it opened", name)
			continue
		}
		password, _ := good.User.Password()
		text := err.Error()
		if fault.KindOf(err) != tc.kind || !strings.Contains(text, tc.text) || strings.Contains(text, "\n") ||
			strings.Contains(text, "hid") || (password != "" && strings.Contains(text, password)) {
			t.Errorf("%s: %v (%v), want %v with %q", name, err, fault.KindOf(err), tc.kind, tc.text)
		}
	}
}
