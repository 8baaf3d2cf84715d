package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/services/api/admin"
)

func TestListsOfNamesAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		given, want []string
	}{
		{nil, nil},
		{[]string{"a,b", " c , a"}, []string{"a", "b", "c"}},
	} {
		if got, err := names("--type", c.given); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v, want %q", c.given, got, err, c.want)
		}
	}
	for _, given := range [][]string{{""}, {"a,"}, {"a", " "}} {
		if got, err := names("--endpoint", given); err == nil || !strings.Contains(err.Error(), "--endpoint has an empty name") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}

// A line may be seen after lines with greater numbers, and none is shown twice.
func TestLinesThatAppearLateAreShownOnce(t *testing.T) {
	var l lines
	now := time.Now()
	line := func(id int64, age time.Duration) admin.SyncLine { return admin.SyncLine{ID: id, Time: now.Add(-age)} }
	for n, c := range []struct {
		all     []admin.SyncLine
		want    []int64
		settled int64
	}{
		{[]admin.SyncLine{line(1, time.Minute), line(3, 0)}, []int64{1, 3}, 1},
		{[]admin.SyncLine{line(2, 0), line(3, 0)}, []int64{2}, 1},
		{[]admin.SyncLine{line(2, time.Minute), line(3, time.Minute), line(4, 0)}, []int64{4}, 3},
	} {
		var got []int64
		for _, fresh := range l.fresh(c.all) {
			got = append(got, fresh.ID)
		}
		if !slices.Equal(got, c.want) || l.settled != c.settled {
			t.Errorf("look %d: lines %d, settled up to %d; want %d, %d", n+1, got, l.settled, c.want, c.settled)
		}
	}
}
