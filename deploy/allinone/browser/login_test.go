package browser

import (
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

// Somebody opens a page by its address, is asked who they are, mistypes the password, gets in, lands on that page, and leaves.
func TestSomebodyLogsInAndOut(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 1}, 0)
	b := newTab(t, p.URL)
	b.open("/plugins/proxbox/replications/?status=active")
	if at := b.address(); !strings.HasPrefix(at, "/login/?next=") {
		t.Fatalf("a stranger is at %s, want the login", at)
	}
	b.expect("status of 403")
	b.write("#username", p.Username)
	b.write("#password", "not the password")
	b.follow("form [type=submit]")
	if text := b.text("#wrong"); text == "" {
		t.Error("a wrong password gets no answer")
	}
	b.write("#password", p.Password)
	b.follow("form [type=submit]")
	if at := b.address(); at != "/plugins/proxbox/replications/?status=active" {
		t.Errorf("after the login one is at %s, want where one wanted to go", at)
	}
	if text := b.text(".empty-title"); text == "" {
		t.Error("an empty list does not say so")
	}
	b.click(".topbar .menu-of > summary")
	b.follow(`form[action="/logout/"] [type=submit]`)
	b.open("/plugins/proxbox/replications/")
	if at := b.address(); !strings.HasPrefix(at, "/login/") {
		t.Errorf("after the logout one is at %s, want the login", at)
	}
}
