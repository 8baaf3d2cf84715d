package obs_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/obs"
)

func TestNewLoggerWritesTheFormatAndLevelAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  obs.LogConfig
		want string
	}{
		"json":  {obs.LogConfig{Format: "json"}, `"msg":"poll failed","cluster":"lab"}`},
		"text":  {obs.LogConfig{Format: "text"}, `msg="poll failed" cluster=lab`},
		"quiet": {obs.LogConfig{Level: slog.LevelError}, ""},
	} {
		var out strings.Builder
		obs.NewLogger(&out, tc.cfg).Warn("poll failed", "cluster", "lab")
		if got := strings.TrimSpace(out.String()); !strings.HasSuffix(got, tc.want) || (tc.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q at the end", name, got, tc.want)
		}
	}
}

func TestNewLoggerWritesUTC(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("east", 3600)
	t.Cleanup(func() { time.Local = local })
	var out strings.Builder
	obs.NewLogger(&out, obs.LogConfig{}).Info("started")
	if time, _, _ := strings.Cut(out.String(), ","); !strings.HasSuffix(time, `Z"`) {
		t.Errorf("time is %s, want one in UTC", time)
	}
}

func TestDiscardWritesNothing(t *testing.T) {
	if obs.Discard().Enabled(t.Context(), slog.LevelError) {
		t.Error("it would write an error")
	}
}
