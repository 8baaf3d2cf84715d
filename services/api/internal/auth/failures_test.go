package auth

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailuresAreAllowedAgainWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailures(3, 2*time.Second)
		for i := range 3 {
			if wait, _ := f.add("a"); wait != 0 {
				t.Fatalf("failure %d has to wait %v", i, wait)
			}
		}
		if wait, first := f.add("a"); wait != 2*time.Second || !first {
			t.Errorf("one too many: %v %v", wait, first)
		}
		if wait, first := f.add("a"); wait != 2*time.Second || first {
			t.Errorf("another: %v %v", wait, first)
		}
		if wait, _ := f.add("b"); wait != 0 {
			t.Error("another source has to wait too")
		}
		time.Sleep(1500 * time.Millisecond)
		if wait, _ := f.add("a"); wait != 500*time.Millisecond {
			t.Errorf("after a while: %v", wait)
		}
		time.Sleep(500 * time.Millisecond)
		if wait, _ := f.add("a"); wait != 0 {
			t.Errorf("after enough: %v", wait)
		}
		if wait, first := f.add("a"); wait == 0 || !first {
			t.Errorf("and once more: %v %v", wait, first)
		}
		f.forgive("a")
		if wait, _ := f.add("a"); wait != 0 {
			t.Errorf("forgiven: %v", wait)
		}
		time.Sleep(time.Hour)
		for range 3 {
			f.add("a")
		}
		if wait, _ := f.add("a"); wait == 0 {
			t.Error("an hour allows more than the burst")
		}
	})
}

func TestSourcesAreForgottenWhenThereAreTooMany(t *testing.T) {
	f := newFailures(1, time.Hour)
	f.add("first")
	f.add("second")
	f.add("first") // is the later one of both now
	for i := range maxSources - 1 {
		f.add(fmt.Sprint(i))
	}
	if len(f.sources) != maxSources || f.recent.Len() != maxSources {
		t.Errorf("%d sources are remembered, and %d", len(f.sources), f.recent.Len())
	}
	if wait, _ := f.add("first"); wait == 0 {
		t.Error("a source was forgotten that was not quiet for longest")
	}
	if wait, _ := f.add("second"); wait != 0 {
		t.Error("the source that was quiet for longest was not forgotten")
	}
}
