package rest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
	"github.com/proxops/proxops/services/api/internal/wire"
)

const forbidden = `{"detail":"You do not have permission to perform this action."}`

// grant lets a user do something to objects of a type; the constraints are JSON, "" for none.
func (s *server) grant(user int32, t change.ObjectType, actions, constraints string) {
	s.t.Helper()
	if constraints == "" {
		constraints = "null"
	}
	list := `["` + strings.ReplaceAll(actions, " ", `","`) + `"]`
	id := s.exec("INSERT INTO permissions (name, actions, constraints) VALUES ('p', $1::text::jsonb, $2::text::jsonb) RETURNING id", list, constraints)
	s.exec("INSERT INTO permission_object_types VALUES ($1, $2)", id, int32(t))
	s.exec("INSERT INTO permission_users VALUES ($1, $2)", id, user)
}

// as makes a user who has one permission on backup routines, and returns the header of their token.
func (s *server) as(name, actions, constraints string) string {
	s.t.Helper()
	user := s.newUser(name, false)
	if actions != "" {
		s.grant(user, change.BackupRoutine, actions, constraints)
	}
	return "Bearer " + s.newToken(user, true)
}

// threeJobs are routines, two of the endpoint lab.
func (w *world) threeJobs() (prod, lab1, lab2 int) {
	w.t.Helper()
	routine := func(endpoint int, job string, more map[string]any) int {
		more["endpoint"], more["job_id"], more["selection"] = endpoint, job, []int{1}
		return w.make(routinesPath, more)
	}
	tag := w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha') RETURNING id")
	prod = routine(w.prod, "job-1", map[string]any{"comment": "Nightly", "node": w.node1, "keep_last": 3})
	lab1 = routine(w.lab, "job-1", map[string]any{"status": "stale", "tags": []int64{tag}, "keep_last": 7})
	lab2 = routine(w.lab, "job_2", map[string]any{"enabled": false, "next_run": "2026-11-22T02:00:00Z"})
	return prod, lab1, lab2
}

func TestConstraintsOfPermissionsNarrowWhatIsSeen(t *testing.T) {
	w := newWorld(t)
	prod, lab1, lab2 := w.threeJobs()
	all, none := []int{prod, lab1, lab2}, []int{}
	user := w.newUser("somebody", false)
	w.grant(user, change.BackupRoutine, "view", "")
	token := "Bearer " + w.newToken(user, true)
	for constraints, want := range map[string][]int{
		`null`: all, `{}`: all, `[]`: all, `[null]`: all, `[{"id": 0}, {}]`: all,
		// What cannot be understood permits nothing, and leaves other constraints alone.
		`"x"`: none, `5`: none, `["x"]`: none, `{"bogus": 1}`: none, `{"id": ` + fmt.Sprint(prod) + `, "bogus": 1}`: none, `[{"bogus": 1}, {"job_id": "job_2"}]`: {lab2},
		`{"endpoint__password": ""}`: none, `{"display": "job-1"}`: none, `{"url": "x"}`: none, `{"job_id__bogus": "x"}`: none, `{"": 1}`: none, `{"id": {}}`: none, `{"id": []}`: none,
		`{"job_id__in": "job-1"}`: none, `{"endpoint__name__x__y": 1}`: none, `{"id": 1.5}`: none, `{"id": "x"}`: none, `{"next_run": "soon"}`: none,
		`{"endpoint__contains": "lab"}`: none, `{"x\"; DROP TABLE users; --": 1}`: none, `{"job_id__isnull": "no"}`: none, `{"` + strings.Repeat("endpoint__", 20) + `id": 1}`: none,
		// Fields.
		`{"id": ` + fmt.Sprint(lab1) + `}`: {lab1}, `{"pk": "` + fmt.Sprint(lab1) + `"}`: {lab1}, `{"id": 99999999999999999999}`: none,
		`{"job_id": "job-1"}`: {prod, lab1}, `{"job_id__exact": "job-1"}`: {prod, lab1}, `{"job_id": 7}`: none, `{"enabled": false}`: {lab2}, `{"enabled": "True"}`: {prod, lab1},
		`{"status": "stale"}`: {lab1}, `{"keep_last": "3"}`: {prod}, `{"keep_last": null}`: {lab2}, `{"keep_last__isnull": false}`: {prod, lab1},
		`{"next_run": "2026-11-22T02:00:00Z"}`: {lab2}, `{"next_run__lt": "2026-11-22T02:00:01Z"}`: {lab2}, `{"next_run__gte": "2026-11-23"}`: none,
		`{"job_id": "job-1", "status": "stale"}`: {lab1}, `[{"status": "stale"}, {"enabled": false}]`: {lab1, lab2},
		// References.
		`{"endpoint": ` + fmt.Sprint(w.lab) + `}`: {lab1, lab2}, `{"endpoint_id": ` + fmt.Sprint(w.lab) + `}`: {lab1, lab2}, `{"endpoint__id": ` + fmt.Sprint(w.prod) + `}`: {prod},
		`{"endpoint__name": "lab"}`: {lab1, lab2}, `{"endpoint__name__istartswith": "PROD"}`: {prod}, `{"endpoint__in": [` + fmt.Sprint(w.prod) + `, null]}`: {prod}, `{"endpoint_id__in": []}`: none,
		`{"node__endpoint__name": "prod-proxmox"}`: {prod}, `{"node": null}`: {lab1, lab2}, `{"node__isnull": true}`: {lab1, lab2}, `{"node__name__isnull": true}`: {lab1, lab2}, `{"node__name": null}`: {lab1, lab2},
		`{"node__node_id": 1}`: {prod}, `{"endpoint__gt": 0}`: all, `{"endpoint": true}`: endpointOne(w, prod, lab1, lab2),
		`{"tags__slug": "alpha"}`: {lab1}, `{"tags__name__in": ["Alpha", "Beta"]}`: {lab1}, `{"tags": null}`: {prod, lab2}, `{"tags__isnull": true}`: {prod, lab2}, `{"tags__id__gt": 0}`: {lab1}, `{"tags__in": [0]}`: none,
		`{"tags__bogus": 1}`: none,
		// Comparisons.
		`{"keep_last__gt": 3}`: {lab1}, `{"keep_last__gte": 3}`: {prod, lab1}, `{"keep_last__lt": 7}`: {prod}, `{"keep_last__lte": 7}`: {prod, lab1}, `{"keep_last__range": [4, 8]}`: {lab1}, `{"keep_last__range": [4]}`: none,
		`{"keep_last__in": [3, "7"]}`: {prod, lab1}, `{"job_id__contains": "_"}`: {lab2}, `{"job_id__icontains": "B-"}`: {prod, lab1}, `{"job_id__contains": "B-"}`: none, `{"job_id__startswith": "job-"}`: {prod, lab1},
		`{"job_id__endswith": "_2"}`: {lab2}, `{"job_id__iendswith": "B-1"}`: {prod, lab1}, `{"comment__iexact": "nightly"}`: {prod}, `{"comment__empty": true}`: {lab1, lab2}, `{"keep_last__contains": 7}`: {lab1},
		`{"job_id__regex": "^job-[0-9]$"}`: {prod, lab1}, `{"job_id__iregex": "^JOB_"}`: {lab2}, `{"job_id__regex": "^JOB_"}`: none,
		// JSON and the user.
		`{"selection__contains": [1]}`: all, `{"selection": [2]}`: none, `{"raw_config__a__isnull": true}`: all, `{"raw_config__a": null}`: all, `{"raw_config__a": 1}`: none, `{"selection__0": 1}`: all, `{"custom_field_data__site": "x"}`: none, `{"custom_fields__site__icontains": "x"}`: none,
		`{"id": "$user"}`: idIs(int(user), all), `{"id__in": ["$user", ` + fmt.Sprint(lab2) + `]}`: append(idIs(int(user), []int{prod, lab1}), lab2),
	} {
		w.exec("UPDATE permissions SET constraints = $1::text::jsonb", constraints)
		a := w.ask("GET", routinesPath+"?fields=id", nil, "Authorization", token)
		got := []int{}
		for _, o := range a.results(t) {
			got = append(got, int(o["id"].(float64)))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || !strings.HasPrefix(a.body, fmt.Sprintf(`{"count":%d,`, len(want))) {
			t.Errorf("%s: got %v, want %v: %s", constraints, got, want, a.body)
		}
		if got := w.changesSeen(user); !slices.Equal(got, want) {
			t.Errorf("%s: changes of %v are seen, want %v", constraints, got, want)
		}
	}
}

// changesSeen returns the routines whose last change a user may see.
func (s *server) changesSeen(user int32) []int {
	s.t.Helper()
	grants, err := auth.LoadGrants(s.t.Context(), store.New(s.pool), user)
	if err != nil {
		s.t.Fatal(err)
	}
	rows, err := s.pool.Query(s.t.Context(), "SELECT max(id), object_id FROM changes WHERE object_type_id = 1 GROUP BY object_id ORDER BY object_id")
	if err != nil {
		s.t.Fatal(err)
	}
	type last struct {
		Change int64
		Object int
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[last])
	if err != nil {
		s.t.Fatal(err)
	}
	ids := make([]int64, len(all))
	for i, l := range all {
		ids[i] = l.Change
	}
	actor := resource.Actor{Access: &auth.Principal{UserID: user, Grants: grants}}
	seen, err := s.api.Store.Visible(s.t.Context(), actor, s.api.Store.Set.All[:2], ids)
	if err != nil {
		s.t.Fatal(err)
	}
	out := []int{}
	for _, l := range all {
		if seen[l.Change] {
			out = append(out, l.Object)
		}
	}
	return out
}

func idIs(id int, of []int) []int {
	if slices.Contains(of, id) {
		return []int{id}
	}
	return []int{}
}

// endpointOne are the routines of the endpoint with id 1, which true is in Python.
func endpointOne(w *world, prod, lab1, lab2 int) []int {
	switch 1 {
	case w.prod:
		return []int{prod}
	case w.lab:
		return []int{lab1, lab2}
	}
	return []int{}
}

func TestEveryWayToListKeepsToThePermission(t *testing.T) {
	w := newWorld(t)
	prod, lab1, lab2 := w.threeJobs()
	token := w.as("lab", "view", `[{"endpoint__name": "lab", "job_id": "job-1"}, {"job_id": "job_2"}]`)
	for query, want := range map[string][]int{
		"": {lab2, lab1}, "start=0": {lab1, lab2}, "start=0&limit=1": {lab1}, "limit=1&offset=1": {lab1}, "ordering=-node,-id": {lab2, lab1}, "limit=0&ordering=id": {lab1, lab2},
		"limit=1&offset=2": {}, "endpoint=" + fmt.Sprint(w.prod): {}, "q=job": {lab2, lab1}, "job_id=job-1&job_id=job_2": {lab2, lab1}, "tag__n=alpha": {lab2}, "brief=1": {lab2, lab1}, "vmid=1": {lab2, lab1},
		"id=" + fmt.Sprint(prod): {}, "node=null&limit=1": {lab2}, "job_id__n=job-1": {lab2}, "limit=2&offset=5000&ordering=node": {},
	} {
		got := []int{}
		for _, o := range w.ask("GET", routinesPath+"?"+query, nil, "Authorization", token).results(t) {
			got = append(got, int(o["id"].(float64)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	w.ask("GET", routinesPath+"?export=csv&fields=id&ordering=id", nil, "Authorization", token).want(t, 200, fmt.Sprintf("id\r\n%d\r\n%d\r\n", lab1, lab2))
}

func TestConstraintsAreCheckedBeforeTheyAreSaved(t *testing.T) {
	s := serve(t)
	routines := s.api.Store.Set.Get("backup-routines")
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	for text, want := range map[string]string{
		`null`: "", `{}`: "", `[]`: "", `[null, {"id": 1}]`: "", `{"id": "$user", "endpoint__name__regex": "^a+$"}`: "", `{"custom_field_data__x__gt": 1}`: "",
		`5`:                                   "Constraints must be null, an object of lookups and values, or a list of such objects.",
		`["x"]`:                               "Constraints must be null, an object of lookups and values, or a list of such objects.",
		`{"bogus": 1}`:                        "Invalid filter for BackupRoutine: Cannot resolve keyword 'bogus' into field. Choices are: ",
		`[{"id": 1}, {"endpoint__bogus": 1}]`: "Invalid filter for BackupRoutine: Cannot resolve keyword 'bogus' into field. Choices are: ",
		`{"job_id__bogus": 1}`:                "Invalid filter for BackupRoutine: Unsupported lookup 'bogus', or join on the field not permitted",
		`{"endpoint__icontains": "x"}`:        "Invalid filter for BackupRoutine: Related Field got invalid lookup: icontains",
		`{"id": "x"}`:                         "Invalid filter for BackupRoutine: The value 'x' cannot be compared with it",
		`{"enabled": "perhaps"}`:              "Invalid filter for BackupRoutine: The value 'perhaps' cannot be compared with it",
		`{"job_id__regex": "("}`:              "Invalid filter for BackupRoutine: invalid regular expression: parentheses () not balanced",
		`{"endpoint__name__iregex": "["}`:     "Invalid filter for BackupRoutine: invalid regular expression: brackets [] not balanced",
		`{"endpoint__password": "x"}`:         "Invalid filter for BackupRoutine: Cannot resolve keyword 'password' into field. Choices are: ",
	} {
		v, wrong := wire.DecodeJSON([]byte(text))
		if wrong != "" {
			t.Fatal(wrong)
		}
		got, err := routines.CheckConstraints(t.Context(), tx, v)
		if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q %v, want %q", text, got, err, want)
		}
	}
	// The transaction goes on after what the database has refused.
	if _, err := tx.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}
