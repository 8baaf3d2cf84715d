package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/services/api"
)

func TestAccessIsConfiguredByTheEnvironment(t *testing.T) {
	parse := func() (cfg api.Config) {
		t.Helper()
		p, err := kong.New(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Parse([]string{"--database-url=x", "--nats-url=x", "--site-keys=a=b", "--peppers=1=0123456789012345678901234567890123"}); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if cfg := parse(); !*cfg.LoginRequired || cfg.ExemptViewPermissions != nil || cfg.AuthFailureBurst != 100 || cfg.AuthFailureInterval != time.Second {
		t.Errorf("defaults: %+v", cfg)
	}
	t.Setenv("LOGIN_REQUIRED", "false")
	t.Setenv("EXEMPT_VIEW_PERMISSIONS", "extras.tag,*")
	t.Setenv("AUTH_FAILURE_BURST", "-1")
	if cfg := parse(); *cfg.LoginRequired || !slices.Equal(cfg.ExemptViewPermissions, []string{"extras.tag", "*"}) || cfg.AuthFailureBurst != -1 {
		t.Errorf("from the environment: %+v", cfg)
	}
}
