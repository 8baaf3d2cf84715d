package rest_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// only lets its owner view the objects of one scope.
type only resource.Scope

func (o only) Scope(*resource.Resource, resource.Action) (resource.Scope, bool) {
	return resource.Scope(o), true
}

func TestATallyCountsWhatListsFind(t *testing.T) {
	w := newWorld(t)
	for i, of := range []struct {
		endpoint, storage any
		enabled           bool
	}{{w.prod, w.backup, true}, {w.prod, w.backup, true}, {w.prod, w.pbs, false}, {w.lab, w.labStore, true}, {w.lab, nil, true}} {
		w.make(routinesPath, map[string]any{"endpoint": of.endpoint, "job_id": fmt.Sprint("job-", i), "storage": of.storage, "enabled": of.enabled})
	}
	everybody := resource.Actor{Access: resource.Everything}
	prodOnly := resource.Actor{Access: only{Any: []resource.Constraint{{"endpoint__name": "prod-proxmox"}}}}
	var day string
	if err := w.pool.QueryRow(t.Context(), "SELECT to_char(min(created) AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM backup_routines").Scan(&day); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		actor  resource.Actor
		params url.Values
		limit  int
		by     []resource.By
		want   string
	}{
		"by a flag":               {everybody, nil, 9, []resource.By{{Field: "enabled"}}, "[{[true] 4} {[false] 1}]"},
		"through a reference":     {everybody, nil, 9, []resource.By{{Field: "storage.name"}}, "[{[backup-storage] 2} {[] 1} {[lab-store] 1} {[pbs-main] 1}]"},
		"by two":                  {everybody, nil, 2, []resource.By{{Field: "endpoint.name"}, {Field: "enabled"}}, "[{[lab true] 2} {[prod-proxmox true] 2}]"},
		"what a filter finds":     {everybody, url.Values{"enabled": {"false"}}, 9, []resource.By{{Field: "endpoint.name"}}, "[{[prod-proxmox] 1}]"},
		"by the day":              {everybody, nil, 9, []resource.By{{Field: "created", Day: true}}, "[{[" + day + "] 5}]"},
		"what the actor may view": {prodOnly, nil, 9, []resource.By{{Field: "enabled"}}, "[{[true] 2} {[false] 1}]"},
		"nothing":                 {everybody, url.Values{"q": {"nowhere"}}, 9, []resource.By{{Field: "enabled"}}, "[]"},
	} {
		got, err := w.api.Store.Tally(t.Context(), w.api.Store.Set.Get("backup-routines"), tc.actor, tc.params, tc.limit, tc.by...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text := said(got); text != tc.want {
			t.Errorf("%s:\n got %v\nwant %s", name, text, tc.want)
		}
	}
	if _, err := w.api.Store.Tally(t.Context(), w.api.Store.Set.Get("backup-routines"), everybody, nil, 9, resource.By{Field: "nonsense"}); err == nil {
		t.Error("it counts by a field that is none")
	}
	_, err := w.api.Store.Tally(t.Context(), w.api.Store.Set.Get("backup-routines"), everybody, url.Values{"storage_id": {"999"}}, 9, resource.By{Field: "enabled"})
	if _, ok := errors.AsType[resource.Errors](err); !ok {
		t.Errorf("a filter that names nothing: %v", err)
	}
}

// said are groups without the ids of their objects.
func said(groups []resource.Group) string {
	out := []string{}
	for _, g := range groups {
		out = append(out, fmt.Sprintf("{%v %d}", g.Values, g.Count))
	}
	return fmt.Sprint(out)
}

func TestGatheredGroupsHaveTheIDsOfWhatMayBeViewed(t *testing.T) {
	w := newWorld(t)
	ids := map[bool][]int64{}
	for i := range 6 {
		endpoint := w.prod
		if i == 3 {
			endpoint = w.lab
		}
		id := int64(w.make(routinesPath, map[string]any{"endpoint": endpoint, "job_id": fmt.Sprint("job-", i), "enabled": i%2 == 0}))
		if endpoint == w.prod {
			ids[i%2 == 0] = append([]int64{1000 - id}, ids[i%2 == 0]...)
		}
	}
	w.exec("UPDATE backup_routines SET id = 1000 - id") // the last are found first
	prodOnly := resource.Actor{Access: only{Any: []resource.Constraint{{"endpoint__name": "prod-proxmox"}}}}
	got, err := w.api.Store.Gather(t.Context(), w.api.Store.Set.Get("backup-routines"), prodOnly, nil, 9, resource.By{Field: "enabled"})
	if err != nil || len(got) != 2 || !slices.Equal(got[0].IDs, ids[true]) || !slices.Equal(got[1].IDs, ids[false]) {
		t.Errorf("got %v %v, want %v", got, err, ids)
	}
}

func TestAnEndpointSaysHowReadingItGoesAsAWhole(t *testing.T) {
	s := serve(t)
	for _, name := range []string{"failing", "partial", "never", "ok", "disabled"} {
		id := s.make(endpointPath, map[string]any{"name": name, "domain": "pve.example.com", "enabled": name != "disabled"})
		for kind, status := range map[string]string{"backup_routine": "ok", "replication": name, "inventory": "partial"} {
			age := "100 seconds"
			switch {
			case kind == "replication" && name == "disabled":
				status = "failing"
			case kind == "inventory" && (name == "ok" || name == "never"):
				status, age = "ok", "1 day"
			}
			if status != "never" {
				s.exec("INSERT INTO sync_states (endpoint_id, kind, status, last_seen) VALUES ($1, $2, $3, now() - $4::interval)", id, kind, status, age)
			}
		}
		found := s.get(endpointPath + "?sync_status=" + name).results(t)
		if len(found) != 1 || found[0]["name"] != name {
			t.Errorf("sync_status=%s finds %v", name, found)
			continue
		}
		age, _ := found[0]["data_age"].(float64)
		if name == "never" && found[0]["data_age"] != nil || name != "never" && (age < 100 || age > 1000) {
			t.Errorf("the data of %s is %v old", name, found[0]["data_age"])
		}
	}
	var order []any
	for _, e := range s.get(endpointPath + "?ordering=-data_age").results(t) {
		order = append(order, e["name"])
	}
	if order[0] != "never" || len(order) != 5 {
		t.Errorf("the worst is not the first of %v", order)
	}
	if n := len(s.get(endpointPath + "?data_age__gte=99").results(t)); n != 4 {
		t.Errorf("%d endpoints have data that old", n)
	}
}
