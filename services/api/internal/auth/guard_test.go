package auth_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
)

func TestGuardStopsGuessingPasswords(t *testing.T) {
	hash, err := auth.HashPassword("right")
	if err != nil {
		t.Fatal(err)
	}
	log := new(strings.Builder)
	g := auth.NewGuard(10, time.Hour, obs.NewLogger(log, obs.LogConfig{}))
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	try := func(client netip.Addr, user string, right bool) (bool, error) {
		password := "wrong"
		if right {
			password = "right"
		}
		return g.CheckPassword(t.Context(), client, user, seal.Secret(password), hash)
	}
	for range 5 { // what is right does not count
		if ok, err := try(here, "anna", true); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for range 2 {
		if ok, err := try(here, "Anna", false); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	// Her name is locked now, wherever one asks from, and the right password does not open it.
	_, err = try(there, "anna", true)
	throttled, ok := errors.AsType[auth.Throttled](err)
	if !ok || fault.KindOf(err) != fault.Denied || throttled.Seconds() != 36000 {
		t.Errorf("a user with too many failures: %v", err)
	}
	for _, user := range []string{"a", "b", "c", "d"} {
		for range 2 {
			if _, err := try(here, user, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := try(here, "somebody else", true); err == nil {
		t.Error("the address may still try")
	}
	if ok, err := try(there, "somebody else", true); !ok || err != nil {
		t.Errorf("another address may not try: %v", err)
	}
	if text := log.String(); strings.Contains(text, "anna") || strings.Count(text, "too many failed attempts") != 2 || !strings.Contains(text, "192.0.2.1") {
		t.Errorf("log: %s", text)
	}
	// A network of IPv6 is one source.
	for i := range 10 {
		_, _ = try(netip.MustParseAddr("2001:db8:0:1::"+string(rune('1'+i%9))), strings.Repeat("x", i), false)
	}
	if _, err := try(netip.MustParseAddr("2001:db8:0:1:ffff::1"), "y", false); err == nil {
		t.Error("an address of a network that has failed too often may still try")
	}
}

func TestThrottledSpeaksAsDRF(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		time.Millisecond: "Request was throttled. Expected available in 1 second.", 1500 * time.Millisecond: "Request was throttled. Expected available in 2 seconds.",
	} {
		if got := (auth.Throttled{Wait: wait}).Error(); got != want {
			t.Errorf("%v: %s", wait, got)
		}
	}
}
