package catalog

import (
	"reflect"
	"slices"
	"testing"
)

// Several servers in one process prepare the same declarations at the same time.
func TestASetLeavesTheDeclarationsAlone(t *testing.T) {
	before := slices.Concat(routineFilters, replicationFilters)
	if _, err := New(Options{}); err != nil {
		t.Fatal(err)
	}
	for i, f := range slices.Concat(routineFilters, replicationFilters) {
		f.Kind, before[i].Kind = nil, nil // kinds hold functions, which do not compare
		if !reflect.DeepEqual(f, before[i]) {
			t.Errorf("filter %s was changed:\n%+v\n%+v", f.Name, before[i], f)
		}
	}
}
