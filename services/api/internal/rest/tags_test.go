package rest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestTagsAreCheckedAsNetBoxChecksThem(t *testing.T) {
	s := serve(t)
	a := s.ask("POST", tagsPath, map[string]any{"name": "Gold", "slug": "gold", "weight": 5})
	a.want(t, 201, "")
	u := s.http.URL
	want := fmt.Sprintf(`{"id":1,"url":"%[1]s/api/extras/tags/1/","display_url":"%[1]s/extras/tags/1/","display":"Gold","name":"Gold","slug":"gold","color":"9e9e9e","description":"","weight":5,`, u)
	if !strings.HasPrefix(a.body, want) || a.json(t)["tagged_items"] != float64(0) {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
	s.get(tagsPath+"1/?brief=1").want(t, 200, fmt.Sprintf(`{"id":1,"url":"%s/api/extras/tags/1/","display":"Gold","name":"Gold","slug":"gold","color":"9e9e9e","description":""}`, u))
	const slug = `"slug":["Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens.","Enter a valid \"slug\" consisting of Unicode letters, numbers, underscores, or hyphens."]`
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{}, `{"name":["This field is required."],"slug":["This field is required."]}`},
		{map[string]any{"name": "", "slug": "bad slug!", "color": "zz"}, `{"name":["This field may not be blank."],` + slug + `,"color":["Enter a valid hexadecimal RGB color code."]}`},
		{map[string]any{"name": "x", "slug": "x", "color": "AA1409"}, `{"color":["Enter a valid hexadecimal RGB color code."]}`},
		{map[string]any{"name": "x", "slug": "x", "color": "aa14090"}, `{"color":["Enter a valid hexadecimal RGB color code.","Ensure this field has no more than 6 characters."]}`},
		{map[string]any{"name": "x", "slug": "x", "weight": 32768}, `{"weight":["Ensure this value is less than or equal to 32767."]}`},
		{map[string]any{"name": "Gold", "slug": "gold"}, `{"name":["tag with this name already exists."],"slug":["tag with this slug already exists."]}`},
		{map[string]any{"name": "Gold", "slug": "other", "color": "zz"}, `{"color":["Enter a valid hexadecimal RGB color code."],"name":["tag with this name already exists."]}`},
		{map[string]any{"name": "Gold", "slug": "other"}, `{"name":["tag with this name already exists."]}`},
	} {
		s.ask("POST", tagsPath, c.body).want(t, 400, c.want)
	}
	s.ask("POST", tagsPath, map[string]any{"name": "Ünïcödé", "slug": "ünïcödé_日本-1"}).want(t, 201, "")
	if got := s.get(tagsPath + "?q=OLD").results(t); len(got) != 1 {
		t.Errorf("q finds %v", got)
	}
	if got := s.get(tagsPath + "?limit=1").results(t); got[0]["name"] != "Gold" {
		t.Errorf("the lightest tag comes first, not %v", got)
	}
	s.ask("DELETE", tagsPath+"1/", nil).want(t, 204, "")
	rows := s.changes(9, 1)
	if len(rows) != 2 || rows[0].Post["color"] != "9e9e9e" || rows[0].Event != "" || rows[1].Action != "delete" {
		t.Errorf("changes: %+v", rows)
	}
}

func TestRenamedAndDeletedTagsAreEventsOfTheirJobs(t *testing.T) {
	w := newWorld(t)
	alpha := w.make(tagsPath, map[string]any{"name": "Alpha", "slug": "alpha"})
	beta := w.make(tagsPath, map[string]any{"name": "Beta", "slug": "beta"})
	gamma := w.make(tagsPath, map[string]any{"name": "Gamma", "slug": "gamma"})
	job := w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "tagged", "tags": []int{alpha, beta}})
	repl := w.make(replsPath, map[string]any{"replication_id": "100-0", "virtual_machine": w.web, "guest": 100, "target": "b", "jobnum": 0, "tags": []int{alpha}}) // of no endpoint
	other := w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": "other", "tags": []int{gamma}})
	w.ask("PATCH", path(nodesPath, w.node1), map[string]any{"tags": []int{alpha}}).want(t, 200, "")
	etag := w.get(path(routinesPath, job)).header.Get("ETag")

	renamed := w.ask("PATCH", path(tagsPath, alpha), map[string]any{"name": "Zulu", "changelog_message": "why"})
	renamed.want(t, 200, "")
	for _, c := range []struct {
		kind, id int
		pre      string
		post     string
	}{{1, job, "[Alpha Beta]", "[Beta Zulu]"}, {2, repl, "[Alpha]", "[Zulu]"}} {
		rows := w.changes(c.kind, c.id)
		last := rows[len(rows)-1]
		if len(rows) != 2 || last.Version != 2 || last.Event != "updated" || !last.Queued || last.Message != "why" || last.User != "admin" || strings.Join(last.Changed, ",") != "tags" ||
			fmt.Sprint(last.Pre["tags"]) != c.pre || fmt.Sprint(last.Post["tags"]) != c.post {
			t.Errorf("changes of %d: %+v", c.kind, rows)
		}
	}
	if n := w.exec("SELECT count(DISTINCT request_id) FROM changes WHERE message = 'why'"); n != 1 {
		t.Errorf("the rename is %d requests", n)
	}
	a := w.get(path(routinesPath, job))
	if a.json(t)["version"] != float64(2) || a.header.Get("ETag") == etag || !strings.Contains(a.body, `"display":"Zulu"`) {
		t.Errorf("the job is %s", a.body)
	}
	// What is no part of a job's state, and what is no job, has no change row.
	w.ask("PATCH", path(tagsPath, alpha), map[string]any{"slug": "zulu", "color": "ff0000"}).want(t, 200, "")
	if len(w.changes(1, job)) != 2 || len(w.changes(1, other)) != 1 || len(w.changes(4, w.node1)) != 2 || w.get(path(routinesPath, other)).json(t)["version"] != float64(1) {
		t.Error("there are change rows of what did not change")
	}
	// Several at once are one change of each job.
	w.ask("PATCH", tagsPath, []any{map[string]any{"id": alpha, "name": "Aa"}, map[string]any{"id": beta, "name": "Ab"}, map[string]any{"id": gamma, "color": "00ff00"}}).want(t, 200, "")
	if rows := w.changes(1, job); len(rows) != 3 || fmt.Sprint(rows[2].Post["tags"]) != "[Aa Ab]" {
		t.Errorf("changes: %+v", rows)
	}
	w.ask("PATCH", path(tagsPath, alpha), map[string]any{"name": "Ab"}).want(t, 400, `{"name":["tag with this name already exists."]}`)
	w.ask("DELETE", path(tagsPath, alpha), map[string]any{"changelog_message": "gone"}).want(t, 204, "")
	rows := w.changes(1, job)
	if last := rows[len(rows)-1]; len(rows) != 4 || last.Version != 4 || last.Message != "gone" || fmt.Sprint(last.Pre["tags"], last.Post["tags"]) != "[Aa Ab] [Ab]" {
		t.Errorf("changes: %+v", rows)
	}
	if tags := w.get(path(nodesPath, w.node1)).json(t)["tags"].([]any); len(tags) != 0 {
		t.Errorf("the node keeps %v", tags)
	}
	w.ask("DELETE", tagsPath, []any{map[string]any{"id": beta}, map[string]any{"id": gamma}}).want(t, 204, "")
	if n := w.exec("SELECT count(*) FROM tagged_items"); n != 0 || len(w.changes(1, job)) != 5 || len(w.changes(1, other)) != 2 {
		t.Errorf("%d objects are tagged", n)
	}
}

func TestATagOfThousandsOfJobsIsRenamedInFewStatements(t *testing.T) {
	w := newWorld(t)
	tag := w.make(tagsPath, map[string]any{"name": "Alpha", "slug": "alpha"})
	w.exec(`INSERT INTO backup_routines (endpoint_id, job_id) SELECT $1 + n % 2, 'j' || n FROM generate_series(1, 2500) n`, w.prod)
	w.exec(`INSERT INTO tagged_items SELECT 1, id, $1 FROM backup_routines`, tag)
	w.ask("PATCH", path(tagsPath, tag), map[string]any{"name": "Beta"}).want(t, 200, "")
	if n := w.exec(`SELECT count(*) FROM changes c JOIN backup_routines b ON b.id = c.object_id AND b.version = c.version AND b.last_updated = c.time
		WHERE c.object_type_id = 1 AND c.version = 2 AND c.postchange->'tags'->>0 = 'Beta'`); n != 2500 {
		t.Errorf("%d jobs were told", n)
	}
}

func TestTagsAreTakenWhileTheyAreRenamed(t *testing.T) {
	w := newWorld(t)
	tag := w.make(tagsPath, map[string]any{"name": "n0", "slug": "n"})
	var jobs []int
	for i := range 4 {
		jobs = append(jobs, w.make(routinesPath, map[string]any{"endpoint": []int{w.prod, w.lab}[i%2], "job_id": fmt.Sprint("j", i)}))
	}
	var g sync.WaitGroup
	g.Go(func() {
		for i := range 15 {
			w.ask("PATCH", path(tagsPath, tag), map[string]any{"name": fmt.Sprint("n", i+1)}).want(t, 200, "")
		}
	})
	for _, job := range jobs {
		g.Go(func() {
			for i := range 8 {
				w.ask("PATCH", path(routinesPath, job), map[string]any{"tags": []int{tag}[:i%2]}).want(t, 200, "")
				w.ask("PATCH", path(routinesPath, job), map[string]any{"comment": fmt.Sprint(i)}).want(t, 200, "")
			}
		})
	}
	g.Wait()
	for _, job := range jobs {
		rows := w.changes(1, job)
		for i := range rows {
			if int(rows[i].Version) != i+1 || i > 0 && fmt.Sprint(rows[i].Pre["tags"]) != fmt.Sprint(rows[i-1].Post["tags"]) {
				t.Errorf("job %d: version %d follows as %d, its tags were %v, then %v", job, rows[i].Version, i+1, rows[i-1].Post["tags"], rows[i].Pre["tags"])
			}
		}
		var names []any
		for _, o := range w.get(path(routinesPath, job)).json(t)["tags"].([]any) {
			names = append(names, o.(map[string]any)["name"])
		}
		if last := rows[len(rows)-1]; fmt.Sprint(last.Post["tags"]) != fmt.Sprint(append([]any{}, names...)) {
			t.Errorf("job %d has %v by its row, %v by its changes", job, names, last.Post["tags"])
		}
	}
}

func TestATagMayBeForSomeTypesAlone(t *testing.T) {
	w := newWorld(t)
	tag := w.make(tagsPath, map[string]any{"name": "Nodes only", "slug": "nodes", "object_types": []string{"netbox_proxbox.proxmoxnode", "netbox_proxbox.replication"}})
	if got := w.get(path(tagsPath, tag)).json(t)["object_types"]; fmt.Sprint(got) != "[netbox_proxbox.proxmoxnode netbox_proxbox.replication]" {
		t.Errorf("object types %v", got)
	}
	const refused = `{"detail":"Tag Nodes only cannot be assigned to backuproutine objects."}`
	job := w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "j"})
	w.ask("POST", routinesPath, map[string]any{"endpoint": w.prod, "job_id": "k", "tags": []int{tag}}).want(t, 400, refused)
	w.ask("PATCH", path(routinesPath, job), map[string]any{"add_tags": []int{tag}}).want(t, 400, refused)
	w.ask("PATCH", routinesPath, []any{map[string]any{"id": job, "tags": []int{tag}}}).want(t, 400, refused)
	w.ask("PATCH", path(nodesPath, w.node1), map[string]any{"tags": []int{tag}}).want(t, 200, "")
	w.ask("PATCH", path(tagsPath, tag), map[string]any{"object_types": []string{"netbox_proxbox.replication"}}).want(t, 200, "")
	w.ask("PATCH", path(nodesPath, w.node1), map[string]any{"comments": "x", "tags": []int{tag}}).want(t, 200, "") // it has it already
	w.ask("PATCH", path(tagsPath, tag), map[string]any{"object_types": []string{"users.user"}}).want(t, 400, `{"object_types":["Invalid content type: users.user"]}`)
	w.make(tagsPath, map[string]any{"name": "For all", "slug": "all"})
	for query, want := range map[string]int{
		"object_types=2": 1, "object_type=netbox_proxbox.replication": 1, "for_object_type_id=2": 2, "for_object_type_id=4": 1, "content_type=netbox_proxbox.proxmoxnode": 1,
		"content_type=netbox_proxbox.backuproutine": 0, "content_type_id=4": 1, "content_type_id=1": 0,
	} {
		if got := w.get(tagsPath + "?" + query).results(t); len(got) != want {
			t.Errorf("?%s: %d tags, want %d", query, len(got), want)
		}
	}
}
