package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
)

// trouble is an Authenticator that does what it is told.
type trouble func() error

func (f trouble) Authenticate(context.Context, *http.Request, netip.Addr) (*auth.Principal, error) {
	return nil, f()
}

func (f trouble) Login(context.Context, string, seal.Secret, netip.Addr) (*auth.Principal, error) {
	return nil, f()
}

func TestWhatIsOurFaultIsLoggedAndNotShown(t *testing.T) {
	s := serve(t)
	const inside = "secret detail from inside"
	for name, c := range map[string]struct {
		fail   trouble
		status int
	}{
		"error":       {func() error { return errors.New(inside) }, 500},
		"panic":       {func() error { panic(inside) }, 500},
		"unavailable": {func() error { return fault.New(fault.Unavailable, inside) }, 503},
	} {
		s.api.Auth = c.fail
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+routinesPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := new(strings.Builder)
		if err := res.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.status || strings.Contains(body.String(), inside) || res.Header.Get("API-Version") != "4.6" {
			t.Errorf("%s: %s", name, body)
		}
		if c.status == 500 && !strings.Contains(body.String(), `"exception":"InternalError","netbox_version":"4.6.9"`) {
			t.Errorf("%s is not in NetBox's form: %s", name, body)
		}
		if log := s.log.String(); !strings.Contains(log, inside) || !strings.Contains(log, res.Header.Get("X-Request-ID")) {
			t.Errorf("%s is not logged with its request id: %s", name, log)
		}
		s.log.Reset()
	}
}

// TestWritersOfOneJobTakeTurns has many clients change one routine at once: each change is one row, with the next version, that begins where
// the one before ended.
func TestWritersOfOneJobTakeTurns(t *testing.T) {
	w := newWorld(t)
	id := w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a"})
	const writers, writes = 6, 5
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for k := range writes {
				endpoint := w.prod
				if k == writes/2 {
					endpoint = w.lab // moves must not slip past the locks
				}
				if a := w.ask("PATCH", path(routinesPath, id), map[string]any{"comment": fmt.Sprint(i, " ", k), "endpoint": endpoint}); a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	rows := w.changes(1, id)
	if len(rows) != 1+writers*writes {
		t.Errorf("%d change rows, want %d", len(rows), 1+writers*writes)
	}
	for i, c := range rows {
		if c.Version != i+1 {
			t.Errorf("change %d has version %d", i, c.Version)
		}
		if i > 0 {
			if diff := cmp.Diff(rows[i-1].Post, c.Pre); diff != "" {
				t.Errorf("change %d does not begin where the one before ended: %s", i, diff)
			}
		}
	}
	if got := w.get(path(routinesPath, id)).json(t)["version"]; got != float64(len(rows)) {
		t.Errorf("version %v", got)
	}
}
