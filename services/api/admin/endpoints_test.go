package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/admin"
)

func TestEndpointsAreCheckedAsRESTDoes(t *testing.T) {
	pool := pgtest.New(t)
	opener, err := seal.LoadOrCreate(t.TempDir() + "/site.key")
	if err != nil {
		t.Fatal(err)
	}
	endpoints := admin.Endpoints{Pool: pool, SiteKeys: map[string]string{"default": opener.PublicKey()}}
	fields := map[string]any{"domain": "pve.example.com", "port": 8007, "username": "a@pam", "token_name": "t", "token_value": "planted", "enabled": false}
	if err := endpoints.Put(t.Context(), "e", fields); err != nil {
		t.Fatal(err)
	}
	if err := endpoints.Put(t.Context(), "e", map[string]any{"enabled": true, "poll_interval": 30}); err != nil {
		t.Fatal(err)
	}
	list, err := endpoints.List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != 1 || list[0].Name != "e" || !list[0].Enabled || list[0].PollInterval != 30 {
		t.Fatalf("%+v %v", list, err)
	}
	if strings.Contains(fmt.Sprintf("%+v", list), "planted") {
		t.Error("a list shows the secret")
	}
	var port int
	var hasBox bool
	if err := pool.QueryRow(t.Context(), "SELECT port, sealed_credentials IS NOT NULL FROM endpoints").Scan(&port, &hasBox); err != nil || port != 8007 || !hasBox {
		t.Errorf("port %d, credentials %v, %v", port, hasBox, err)
	}
	err = endpoints.Put(t.Context(), "f", map[string]any{"port": 200_000})
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "port: Ensure this value is less than or equal to 65535.") {
		t.Errorf("a bad port: %v", err)
	}
	if err := endpoints.Delete(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"set": endpoints.Set(t.Context(), 1, map[string]any{"enabled": false}), "delete": endpoints.Delete(t.Context(), 1),
	} {
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s what is deleted: %v", what, err)
		}
	}
	var actions string
	const q = "SELECT string_agg(action::text, ' ' ORDER BY id) FROM changes WHERE cause = 'system' AND object_type_id = 3"
	if err := pool.QueryRow(t.Context(), q).Scan(&actions); err != nil || actions != "create update delete" {
		t.Errorf("change rows %q, %v", actions, err)
	}
}
