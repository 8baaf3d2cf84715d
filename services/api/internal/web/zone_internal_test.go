package web

import (
	"testing"
	"time"
)

func TestClocksAreTheSameIfTheyAreAllYear(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Europe/Berlin", "Europe/Vienna", true},
		{"UTC", "Etc/UTC", true},
		{"Asia/Tokyo", "Asia/Seoul", true},
		{"Europe/Berlin", "Africa/Lagos", false},    // the same in winter
		{"Asia/Jerusalem", "Asia/Beirut", false},    // but for two days of March
		{"America/New_York", "America/Lima", false}, // the same now
		{"Europe/London", "Asia/Tokyo", false},
	} {
		var zones [2]*time.Location
		for i, name := range []string{c.a, c.b} {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			zones[i] = zone
		}
		if sameClock(zones[0], zones[1], now) != c.same || sameClock(zones[1], zones[0], now) != c.same {
			t.Errorf("%s and %s: want the same: %v", c.a, c.b, c.same)
		}
	}
}
