package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

const syncPath = "/api/plugins/proxbox/sync/"

// fleet is a server with three enabled endpoints and a disabled one.
type fleet struct {
	*server
	prod, lab, edge, off int
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{server: serve(t)}
	endpoint := func(name string, enabled bool) int {
		return f.make(endpointPath, map[string]any{"name": name, "domain": name + ".example.com", "enabled": enabled, "poll_interval": 0})
	}
	f.prod, f.lab, f.edge, f.off = endpoint("prod", true), endpoint("lab", true), endpoint("edge", true), endpoint("off", false)
	f.hints.Store(0)
	return f
}

// parts are those of a job as "endpoint kind status", in order.
func (s *server) parts(job int) string {
	s.t.Helper()
	var text string
	err := s.pool.QueryRow(s.t.Context(), `SELECT coalesce(string_agg(endpoint_name || ' ' || kind || ' ' || status, ', ' ORDER BY endpoint_name, kind), '') FROM job_parts WHERE job_id = $1`, job).Scan(&text)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func each(endpoints ...string) string {
	var out []string
	for _, e := range endpoints {
		for _, kind := range []string{"backup_routine", "inventory", "replication"} {
			out = append(out, e+" "+kind+" pending")
		}
	}
	return strings.Join(out, ", ")
}

func TestASyncIsAJob(t *testing.T) {
	f := newFleet(t)
	one := fmt.Sprintf("%s%d/sync/", endpointPath, f.prod)
	form := func(pairs ...string) string {
		var b strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", pairs[i], pairs[i+1])
		}
		return b.String() + "--b--\r\n"
	}
	for i, c := range []struct {
		path   string
		body   any
		name   string
		object int
		parts  string
		params string // as clients of the plugin read them
	}{
		{syncPath, nil, "Sync all", 0, each("edge", "lab", "prod"), `{"sync_types":["all"],"proxmox_endpoint_ids":[]}`},
		{syncPath, object{}, "Sync all", 0, each("edge", "lab", "prod"), ""},
		{syncPath, object{"types": []string{}, "endpoints": []int{}}, "Sync all", 0, each("edge", "lab", "prod"), ""},
		{syncPath, object{"types": []string{"replications"}}, "Sync replications", 0, "edge replication pending, lab replication pending, prod replication pending", `{"sync_types":["replications"],"proxmox_endpoint_ids":[]}`},
		{syncPath, object{"types": []string{"replications"}, "endpoints": []int{f.prod}}, "Sync replications of prod", f.prod, "prod replication pending", `{"sync_types":["replications"],"proxmox_endpoint_ids":["1"]}`},
		{
			syncPath,
			object{"types": []string{"inventory", "backup-routines", "inventory"}, "endpoints": []any{f.prod, "2", object{"name": "edge"}, object{"id": f.lab}, f.prod}},
			"Sync backup-routines, inventory of 3 endpoints", 0,
			"edge backup_routine pending, edge inventory pending, lab backup_routine pending, lab inventory pending, prod backup_routine pending, prod inventory pending",
			`{"sync_types":["backup-routines","inventory"],"proxmox_endpoint_ids":["1","2","3"]}`,
		},
		{syncPath, object{"type": "all", "endpoint": f.lab}, "Sync all of lab", f.lab, each("lab"), ""},
		{syncPath, object{"type": []string{"inventory"}, "endpoint": []any{"2"}, "name": " Before the upgrade "}, "Before the upgrade", f.lab, "lab inventory pending", ""},
		{syncPath, object{"types": []string{"all", "inventory"}, "endpoint": object{"name": "lab"}}, "Sync all of lab", f.lab, each("lab"), ""},
		{syncPath, form("types", "inventory", "types", "replications", "endpoint", "1"), "Sync replications, inventory of prod", f.prod, "prod inventory pending, prod replication pending", ""},
		{one, nil, "Sync all of prod", f.prod, each("prod"), ""},
		{one, object{"types": []string{"inventory"}}, "Sync inventory of prod", f.prod, "prod inventory pending", ""},
		{one, object{"type": "replications", "name": "x"}, "x", f.prod, "prod replication pending", ""},
	} {
		before := f.jobHints.Load()
		var headers []string
		if _, isForm := c.body.(string); isForm {
			headers = []string{"Content-Type", "multipart/form-data; boundary=b"}
		}
		a := f.ask("POST", c.path, c.body, headers...)
		if a.status != 202 {
			t.Errorf("%d %s %v: %d %s", i, c.path, c.body, a.status, a.body)
			continue
		}
		job := a.json(t)
		id := int(job["id"].(float64))
		location := f.http.URL + path(syncJobsPath, id)
		if a.header.Get("Location") != location || job["url"] != location {
			t.Errorf("%d: Location %s, url %v", i, a.header.Get("Location"), job["url"])
		}
		f.get(location).want(t, 200, a.body)
		if got := f.parts(id); job["name"] != c.name || got != c.parts {
			t.Errorf("%d: job %v of %s, want %s of %s", i, job["name"], got, c.name, c.parts)
		}
		status, user := job["status"].(map[string]any)["value"], job["user"].(map[string]any)["username"]
		if status != "pending" || user != "admin" || len(job["log_entries"].([]any)) != 1 {
			t.Errorf("%d: status %v, user %v, log %v", i, status, user, job["log_entries"])
		}
		if got, _ := job["object_id"].(float64); int(got) != c.object || (job["object"] == nil) != (c.object == 0) {
			t.Errorf("%d: object %v of %v", i, job["object_id"], job["object"])
		}
		if !strings.Contains(a.body, `"proxbox_sync":{"params":`+c.params) {
			t.Errorf("%d: %s, want %s", i, a.body, c.params)
		}
		if f.exec("SELECT count(*) FROM jobs WHERE id = $1 AND request_id = $2::uuid", id, a.header.Get("X-Request-ID")) != 1 {
			t.Errorf("%d: the job does not know of its request", i)
		}
		if f.jobHints.Load() != before+1 || f.hints.Load() != 0 {
			t.Errorf("%d: %d hints, of endpoints %d", i, f.jobHints.Load()-before, f.hints.Load())
		}
	}
	if a := f.ask("POST", syncPath+"?fields=id,name", nil); a.status != 202 || !strings.HasSuffix(a.body, `,"name":"Sync all"}`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestASyncIsRefusedWithAllThatIsWrong(t *testing.T) {
	f := newFleet(t)
	const choices = ` is not a valid choice. Choices are: backup-routines, replications, inventory, all.`
	one, off := fmt.Sprintf("%s%d/sync/", endpointPath, f.prod), fmt.Sprintf("%s%d/sync/", endpointPath, f.off)
	const noEndpoint = `{"detail":"No ProxmoxEndpoint matches the given query."}`
	for _, c := range []struct {
		path   string
		body   any
		status int
		want   string
	}{
		{syncPath, object{"colour": 1, "Types": []string{}, "endpoints": []int{f.prod}}, 400, `{"Types":["Unknown field."],"colour":["Unknown field."]}`},
		{syncPath, object{"types": []any{"x", "inventory", 5, nil}}, 400, `{"types":["\"x\"` + choices + `","\"5\"` + choices + `","\"None\"` + choices + `"]}`},
		{syncPath, object{"type": "x"}, 400, `{"type":["\"x\"` + choices + `"]}`},
		{syncPath, object{"types": "inventory"}, 400, `{"types":["Expected a list of items but got type \"str\"."]}`},
		{syncPath, object{"types": nil, "endpoints": nil, "name": nil}, 400, `{"types":["This field may not be null."],"endpoints":["This field may not be null."],"name":["This field may not be null."]}`},
		{syncPath, object{"type": nil, "endpoint": nil}, 400, `{"type":["This field may not be null."],"endpoint":["This field may not be null."]}`},
		{syncPath, object{"type": []string{}, "endpoint": []int{1, 2}}, 400, `{"type":["Expected one value or a list of one, but got 0."],"endpoint":["Expected one value or a list of one, but got 2."]}`},
		{
			syncPath,
			object{"type": "inventory", "types": []string{"inventory"}, "endpoint": 1, "endpoints": []int{1}},
			400,
			`{"type":["Cannot specify \"type\" together with \"types\"."],"endpoint":["Cannot specify \"endpoint\" together with \"endpoints\"."]}`,
		},
		{
			syncPath,
			object{"endpoints": []any{99, f.prod, f.off, "x", true, object{"name": "zz"}, 98}},
			400,
			`{"endpoints":["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: x",` +
				`"Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: True",` +
				`"Related object not found using the provided numeric ID: 99","Related object not found using the provided attributes: {'name': 'zz'}",` +
				`"Related object not found using the provided numeric ID: 98","Endpoint off is disabled: enable it first."]}`,
		},
		{syncPath, object{"endpoint": f.off}, 400, `{"endpoint":["Endpoint off is disabled: enable it first."]}`},
		{syncPath, object{"endpoints": 5}, 400, `{"endpoints":["Expected a list of items but got type \"int\"."]}`},
		{
			syncPath,
			object{"types": []string{"x"}, "endpoints": []int{99}, "name": strings.Repeat("ü", 201), "b": 1},
			400,
			`{"b":["Unknown field."],"types":["\"x\"` + choices + `"],"name":["Ensure this field has no more than 200 characters."],"endpoints":["Related object not found using the provided numeric ID: 99"]}`,
		},
		{syncPath, object{"name": " "}, 400, `{"name":["This field may not be blank."]}`},
		{syncPath, object{"name": []int{}}, 400, `{"name":["Not a valid string."]}`},
		{syncPath, []any{}, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{syncPath, "null", 400, `{"non_field_errors":["No data provided"]}`},
		{syncPath, `"x"`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
		{syncPath, "{", 400, ""},
		{one, object{"endpoints": []int{1}, "type": "x"}, 400, `{"endpoints":["Unknown field."],"type":["\"x\"` + choices + `"]}`},
		{off, object{}, 400, `{"detail":"Endpoint off is disabled: enable it first."}`},
		{endpointPath + "99/sync/", object{}, 404, noEndpoint},
		{endpointPath + "99999999999999999999/sync/", object{}, 404, noEndpoint},
		{endpointPath + "x/sync/", object{}, 404, `{"detail":"Not found."}`},
		{endpointPath + "1/sync", object{}, 404, `{"detail":"Not found."}`},
		{endpointPath + "1/sync/2/", object{}, 404, `{"detail":"Not found."}`},
		{endpointPath + "1/bogus/", object{}, 404, `{"detail":"Not found."}`},
		{routinesPath + "1/sync/", object{}, 404, `{"detail":"Not found."}`},
		{"/api/plugins/proxbox/endpoints/1/sync/", object{}, 404, `{"detail":"Not found."}`},
	} {
		f.ask("POST", c.path, c.body).want(t, c.status, c.want)
	}
	f.ask("POST", syncPath, "x", "Content-Type", "text/plain").want(t, 415, "")
	f.exec("UPDATE endpoints SET enabled = false")
	f.ask("POST", syncPath, nil).want(t, 400, `{"endpoints":["There is no enabled endpoint that you may view."]}`)
	for _, p := range []string{syncPath, one} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			a := f.ask(method, p, nil)
			a.want(t, 405, `{"detail":"Method \"`+method+`\" not allowed."}`)
			if a.header.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("Allow: %s", a.header.Get("Allow"))
			}
		}
		f.ask("OPTIONS", p, nil).want(t, 200, "")
	}
	if n := f.exec("SELECT count(*) FROM jobs"); n != 0 || f.jobHints.Load() != 0 {
		t.Errorf("%d jobs and %d hints came of it", n, f.jobHints.Load())
	}
}

func TestWhoMaySyncWhat(t *testing.T) {
	f := newFleet(t)
	one, other := fmt.Sprintf("%s%d/sync/", endpointPath, f.prod), fmt.Sprintf("%s%d/sync/", endpointPath, f.lab)
	type grants map[change.ObjectType]map[string]string // constraints by actions
	as := func(name string, g grants) string {
		user := f.newUser(name, false)
		for of, actions := range g {
			for action, constraints := range actions {
				f.grant(user, of, action, constraints)
			}
		}
		return "Bearer " + f.newToken(user, true)
	}
	const missing = `{"detail":"No ProxmoxEndpoint matches the given query."}`
	none := `{"endpoints":["There is no enabled endpoint that you may view."]}`
	all := map[string]string{"view": ""}
	some := map[string]string{"view": fmt.Sprintf(`{"id__in": [%d, %d, %d]}`, f.prod, f.edge, f.off)}
	only := map[string]string{"view": fmt.Sprintf(`{"id": %d}`, f.prod)}
	add := map[string]string{"add": ""}
	for _, c := range []struct {
		name   string
		grants grants
		path   string
		body   object
		status int
		want   string // the body, or the name of the job
	}{
		{"nobody", nil, syncPath, nil, 403, forbidden},
		{"nobody, one", nil, one, nil, 403, forbidden},
		{"view only", grants{change.Job: all, change.ProxmoxEndpoint: all}, syncPath, nil, 403, forbidden},
		{"view only, one", grants{change.Job: all, change.ProxmoxEndpoint: all}, one, nil, 403, forbidden},
		{"delete only", grants{change.Job: {"delete": ""}, change.ProxmoxEndpoint: all}, syncPath, nil, 403, forbidden},
		{"add only", grants{change.Job: add, change.ProxmoxEndpoint: all}, syncPath, nil, 202, "Sync all"},
		{"add only, one", grants{change.Job: add, change.ProxmoxEndpoint: all}, one, nil, 202, "Sync all of prod"},
		{"add of another type", grants{change.ProxmoxEndpoint: {"add": "", "view": ""}}, one, nil, 403, forbidden},
		{"no endpoints", grants{change.Job: add}, syncPath, nil, 400, none},
		{"no endpoints, named", grants{change.Job: add}, syncPath, object{"endpoints": []int{f.prod}}, 400, `{"endpoints":["Related object not found using the provided numeric ID: 1"]}`},
		{"no endpoints, one", grants{change.Job: add}, one, nil, 404, missing},
		{"some", grants{change.Job: add, change.ProxmoxEndpoint: some}, syncPath, nil, 202, "Sync all of 2 endpoints"},
		{
			"some, the others",
			grants{change.Job: add, change.ProxmoxEndpoint: some},
			syncPath,
			object{"endpoints": []any{f.prod, f.lab, object{"id": f.lab}, object{"name": "lab"}}},
			400,
			`{"endpoints":["Related object not found using the provided attributes: {'name': 'lab'}","Related object not found using the provided numeric ID: 2","Related object not found using the provided attributes: {'id': 2}"]}`,
		},
		{"only one", grants{change.Job: add, change.ProxmoxEndpoint: only}, syncPath, object{"type": "inventory"}, 202, "Sync inventory of prod"},
		{"only one, another", grants{change.Job: add, change.ProxmoxEndpoint: only}, other, nil, 404, missing},
		{"own jobs", grants{change.Job: {"add": `{"user": "$user"}`}, change.ProxmoxEndpoint: all}, syncPath, nil, 202, "Sync all"},
		{"jobs of a name", grants{change.Job: {"add": `{"name": "x"}`}, change.ProxmoxEndpoint: all}, syncPath, object{"name": "x"}, 202, "x"},
		{"jobs of another name", grants{change.Job: {"add": `{"name": "x"}`}, change.ProxmoxEndpoint: all}, syncPath, nil, 403, forbidden},
		{"jobs of another endpoint", grants{change.Job: {"add": fmt.Sprintf(`{"object_id": %d}`, f.lab)}, change.ProxmoxEndpoint: all}, one, nil, 403, forbidden},
	} {
		before := f.exec("SELECT count(*) FROM jobs")
		var body any
		if c.body != nil {
			body = c.body
		}
		a := f.ask("POST", c.path, body, "Authorization", as(c.name, c.grants))
		if a.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, a.status, a.body, c.status)
		} else if c.status == 202 {
			job := a.json(t)
			if job["name"] != c.want {
				t.Errorf("%s: %v, want %s", c.name, job["name"], c.want)
			}
		} else if a.body != c.want {
			t.Errorf("%s: %s, want %s", c.name, a.body, c.want)
		}
		if made := f.exec("SELECT count(*) FROM jobs") - before; (made == 1) != (c.status == 202) {
			t.Errorf("%s: %d jobs were made", c.name, made)
		}
	}
	if got := f.exec("SELECT count(*) FROM jobs WHERE name = 'Sync all of 2 endpoints' AND endpoint_ids = ARRAY[$1::integer, $2::integer]", f.prod, f.edge); got != 1 {
		t.Error("a job of some endpoints does not name them")
	}
	reader := "Bearer " + f.newToken(f.newUser("reader", true), false)
	for _, p := range []string{syncPath, one} {
		f.ask("POST", p, nil, "Authorization", reader).want(t, 403, forbidden)
		f.ask("POST", p, nil, "Authorization", "").want(t, 403, anonymous)
		f.ask("OPTIONS", p, nil, "Authorization", reader).want(t, 200, "")
	}
}

// Who deletes an endpoint settles what jobs wait for there.
func TestJobsDoNotWaitForEndpointsThatAreDeleted(t *testing.T) {
	f := newFleet(t)
	job := int(f.ask("POST", syncPath, object{"type": "inventory", "endpoints": []int{f.prod, f.lab}}).json(t)["id"].(float64))
	f.ask("DELETE", path(endpointPath, f.prod), nil).want(t, 204, "")
	if got := f.parts(job); got != "lab inventory pending, prod inventory failed" {
		t.Errorf("parts: %s", got)
	}
	if n := f.exec("SELECT count(*) FROM job_parts WHERE error_text = 'the endpoint was deleted' AND error_kind = 'deleted' AND completed IS NOT NULL"); n != 1 {
		t.Error("nobody is told why")
	}
	f.get(path(syncJobsPath, job)).want(t, 200, "")
}
