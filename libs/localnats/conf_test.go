package localnats

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
)

// rights are the permissions of a user in a form that compares.
type rights struct {
	Publish, Subscribe []string
	Responses          server.ResponsePermission
}

func rightsOf(t *testing.T, p *server.Permissions) *rights {
	t.Helper()
	if p == nil {
		return nil
	}
	sorted := func(s *server.SubjectPermission) []string {
		if s == nil {
			return nil
		}
		if len(s.Deny) > 0 {
			t.Errorf("denied subjects are not compared: %v", s.Deny)
		}
		return slices.Sorted(slices.Values(s.Allow))
	}
	r := &rights{Publish: sorted(p.Publish), Subscribe: sorted(p.Subscribe)}
	if p.Response != nil {
		r.Responses = *p.Response
	}
	return r
}

// What works with the embedded server must work with the one of production, and what that one forbids must be seen in tests.
func TestTheConfigurationForProductionGivesTheSamePermissions(t *testing.T) {
	for name := range permissions {
		t.Setenv("PROXOPS_NATS_"+map[string]string{Admin: "ADMIN", Poller: "POLLER", Projector: "PROJECTOR", API: "API"}[name]+"_PASSWORD", "secret-of-"+name)
	}
	const file = "../../deploy/nats/nats.conf"
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*rights{}
	for _, u := range opts.Users {
		got[u.Username] = rightsOf(t, u.Permissions)
		if u.Password != "secret-of-"+u.Username {
			t.Errorf("%s has the password %q", u.Username, u.Password)
		}
	}
	want := map[string]*rights{}
	for name, p := range permissions {
		want[name] = rightsOf(t, p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-embedded +production):\n%s", diff)
	}
	if !opts.SyncAlways || !opts.JetStream {
		t.Errorf("JetStream %v, sync always %v", opts.JetStream, opts.SyncAlways)
	}
}
