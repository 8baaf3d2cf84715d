package rest_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

// busy is a server whose table of routines somebody else has locked: whoever reads it waits.
func busy(t *testing.T, o postgres.Options) *server {
	t.Helper()
	pool, err := postgres.Open(t.Context(), pgtest.URL(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := serveOn(t, pool)
	s.get(routinesPath) // leaves nothing to write for the token
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig.Copy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE backup_routines IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return s
}

// try sends a request that may fail as a server does.
func (s *server) try(ctx context.Context, method, path, body string) (*http.Response, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		s.t.Cleanup(func() { _ = res.Body.Close() })
	}
	return res, err
}

func TestARequestThatRunsAwayIsStopped(t *testing.T) {
	s := busy(t, postgres.Options{MaxConns: 4, Settings: map[string]string{"statement_timeout": "200"}})
	for _, query := range []string{"", "?comment__regex=(a*)*b", "?q=abc", "?export=csv"} {
		res, err := s.try(t.Context(), "GET", routinesPath+query, "") //nolint:bodyclose // try closes it when the test ends
		if err != nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %v %v", query, res, err)
		}
	}
	if !strings.Contains(s.log.String(), "request took the database too long") {
		t.Errorf("it is not logged: %s", s.log)
	}
	if n := s.pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

func TestTheDatabaseIsLeftAloneWhenTheClientGoes(t *testing.T) {
	s := busy(t, postgres.Options{MaxConns: 4})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := make(chan error, 1)
	go func() {
		res, err := s.try(ctx, "GET", routinesPath, "")
		if err == nil {
			_ = res.Body.Close()
		}
		gone <- err
	}()
	s.waits(1)
	cancel()
	if err := <-gone; err == nil {
		t.Error("the request was answered")
	}
	s.waits(0)
}

// waits until that many sessions wait for locks.
func (s *server) waits(n int64) {
	s.t.Helper()
	const q = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		waiting := s.exec(q)
		if waiting == n {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d sessions wait for locks, never %d", waiting, n)
		}
	}
}

func TestABusyServerSaysSo(t *testing.T) {
	s := busy(t, postgres.Options{MaxConns: 1})
	s.api.Store.Patience = 50 * time.Millisecond
	conn, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "POST", "PATCH"} {
		res, err := s.try(t.Context(), method, routinesPath, "{}") //nolint:bodyclose // try closes it when the test ends
		if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %v %v", method, res, err)
		}
	}
	conn.Release()
	s.get(clustersPath).want(t, 200, "")
}

func TestWhatIsAskedIsBounded(t *testing.T) {
	s := serve(t)
	long := "?" + strings.Repeat("id=1&", 15000)
	s.get(routinesPath+long).want(t, 414, `{"detail":"The query is longer than 64 KiB: ask in several requests."}`)
	for _, query := range []string{
		"?" + strings.Repeat("keep_last=1&", 5000), "?" + strings.Repeat("job_id__ic=abc&", 3000), "?" + strings.Repeat("keep_last__gt=1&", 3500),
		"?" + strings.Repeat("created__n=2026-01-01&", 2500), "?" + strings.Repeat("job_id=x&", 6000),
	} {
		s.get(routinesPath+query).want(t, 200, "")
	}
}

func TestRegularExpressionsThatPostgresRefusesAreTheClients(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	const invalid = "Enter a valid regular expression."
	for pattern, ok := range map[string]bool{
		"(": false, "a{2,1}": false, "[z-a]": false, `\`: false, "*": false, "a{1,300}": false, "(?<=a)b": true, "(?<x>a)": false, `[[:bogus:]]`: false,
		strings.Repeat("(a{1,200}){1,200}", 5): false, "(a*)*b": true, "(x+x+)+y": true, `(.*)\1`: true, strings.Repeat("(", 5000): false,
	} {
		for _, lookup := range []string{"regex", "iregex"} {
			got := w.get(routinesPath + "?comment__" + lookup + "=" + url.QueryEscape(pattern))
			if ok {
				got.want(t, 200, "")
				continue
			}
			got.want(t, 400, `{"comment__`+lookup+`":["`+invalid+`"]}`)
		}
	}
	w.get(routinesPath+"?comment__regex=(&job_id__iregex=a&pool__iregex=[").want(t, 400, `{"comment__regex":["`+invalid+`"],"pool__iregex":["`+invalid+`"]}`)
	w.get(routinesPath+"?comment__regex=(&endpoint=nobody").want(t, 400, "")
}
