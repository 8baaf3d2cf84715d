package web

import (
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
)

func TestSessionsLastAsLongAsPeopleComeBack(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		since, deadline, want time.Duration // from now
		written               bool
	}{
		"just now":     {0, sessionLife, sessionLife, false},
		"a while ago":  {-30 * time.Minute, sessionLife - 30*time.Minute, sessionLife - 30*time.Minute, false},
		"yesterday":    {-24 * time.Hour, sessionLife - 24*time.Hour, sessionLife, true},
		"near its end": {-sessionMax + 24*time.Hour, 2 * time.Hour, 24 * time.Hour, true},
		"at its end":   {-sessionMax + time.Hour, time.Hour, time.Hour, false},
		"long overdue": {-2 * sessionMax, time.Hour, time.Hour, false},
	} {
		m := scs.New()
		m.Lifetime = sessionLife
		ctx, err := m.Load(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		m.Put(ctx, sinceKey, now.Add(c.since).Unix())
		m.SetDeadline(ctx, now.Add(c.deadline))
		token, _, err := m.Commit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ctx, err = m.Load(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		stay(ctx, m)
		if got := m.Deadline(ctx).Sub(now); (got - c.want).Abs() > time.Minute {
			t.Errorf("%s: it ends in %s, want %s", name, got, c.want)
		}
		if written := m.Status(ctx) == scs.Modified; written != c.written {
			t.Errorf("%s: it is written: %t", name, written)
		}
	}
}
