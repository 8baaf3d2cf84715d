package rest_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/services/api/internal/live"
)

const eventsPath = "/api/plugins/proxbox/events/"

// streams is a world with NATS, in which a relay publishes when it is told to.
type streams struct {
	*world
	admin *bus.Bus
}

func newStreams(t *testing.T, heartbeat time.Duration) *streams {
	t.Helper()
	s := &streams{world: newWorld(t)}
	nats := natstest.Start(t)
	s.admin = natstest.Join(t, nats, localnats.Admin)
	if err := s.admin.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	hub := live.New(live.Options{Bus: natstest.Join(t, nats, localnats.API), Pool: s.pool, Log: s.api.Log, Heartbeat: heartbeat, Retry: 10 * time.Millisecond, Gather: time.Millisecond})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.api.Live = hub
	return s
}

// relay publishes the outbox, and returns how many events there are.
func (s *streams) relay() (last int) {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), `WITH taken AS (DELETE FROM outbox RETURNING change_id), numbered AS (
			INSERT INTO event_positions (position, change_id) SELECT s.last_position + row_number() OVER (ORDER BY t.change_id), t.change_id FROM taken t, relay_state s
			RETURNING position, change_id), moved AS (UPDATE relay_state SET last_position = last_position + (SELECT count(*) FROM numbered))
		SELECT n.position, c.id, CASE c.object_type_id WHEN 1 THEN 'backup_routine' WHEN 2 THEN 'replication' ELSE 'sync' END, c.event, coalesce(c.endpoint_id, 0), c.object_id
		FROM numbered n JOIN changes c ON c.id = n.change_id ORDER BY n.position`)
	if err != nil {
		s.t.Fatal(err)
	}
	var position, id, endpoint, object int64
	var kind, event string
	_, err = pgx.ForEachRow(rows, []any{&position, &id, &kind, &event, &endpoint, &object}, func() error {
		m := &nats.Msg{
			Subject: fmt.Sprintf("proxops.v1.event.%d.%s.%d", endpoint, kind, object),
			Data:    fmt.Appendf(nil, `{"id":"%d","type":"proxops.%s.%s.v1","data":{"object_id":%d}}`, id, kind, event, object),
		}
		_, err := s.admin.JetStream().PublishMsg(s.t.Context(), m, jetstream.WithExpectLastSequence(uint64(position-1)))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return int(s.exec("SELECT last_position FROM relay_state"))
}

// sse is a stream that a client reads.
type sse struct {
	t    *testing.T
	head *http.Response
	read *bufio.Scanner
}

func (s *server) listen(path, token string, headers ...string) *sse {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.http.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = res.Body.Close() })
	return &sse{t: s.t, head: res, read: bufio.NewScanner(res.Body)}
}

// event reads the next event: its id, type and data; nothing at the end.
func (s *sse) event() (id, event, data string) {
	for s.read.Scan() {
		name, value, _ := strings.Cut(s.read.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if s.read.Text() == "" && data != "" {
				return id, event, data
			}
		}
	}
	return "", "", ""
}

// ids reads so many events, and returns their ids.
func (s *sse) ids(n int) string {
	var out []string
	for range n {
		id, _, _ := s.event()
		out = append(out, id)
	}
	return strings.Join(out, " ")
}

func TestEventsAreThoseOfObjectsThatOneMayView(t *testing.T) {
	s := newStreams(t, time.Minute)
	admin := "Bearer " + s.token
	must := func(method, path string, body any, status int) {
		t.Helper()
		s.ask(method, path, body).want(t, status, "")
	}
	routine := func(endpoint int, job string, more map[string]any) int {
		body := map[string]any{"endpoint": endpoint, "job_id": job, "selection": []int{1}}
		maps.Copy(body, more)
		return s.make(routinesPath, body)
	}
	s.make(tagsPath, map[string]any{"name": "Alpha", "slug": "alpha"})
	prod := routine(s.prod, "nightly", map[string]any{"comment": "a"})                                                                                          // 1
	lab := routine(s.lab, "lab-job", map[string]any{"tags": []any{map[string]any{"slug": "alpha"}}})                                                            // 2
	must("PATCH", path(routinesPath, prod), map[string]any{"comment": "b"}, 200)                                                                                // 3
	must("PATCH", path(routinesPath, lab), map[string]any{"status": "stale"}, 200)                                                                              // 4
	repl := s.make(replsPath, map[string]any{"endpoint": s.lab, "replication_id": "100-0", "virtual_machine": s.lvm, "guest": 100, "target": "x", "jobnum": 0}) // 5
	must("PATCH", path(routinesPath, lab), map[string]any{"endpoint": s.prod, "status": "active"}, 200)                                                         // 6: it moves
	must("PATCH", path(routinesPath, lab), map[string]any{"endpoint": s.lab}, 200)                                                                              // 7: and back
	must("DELETE", path(routinesPath, prod), nil, 204)                                                                                                          // 8
	must("DELETE", path(replsPath, repl), nil, 204)                                                                                                             // 9
	must("DELETE", path(routinesPath, lab), nil, 204)                                                                                                           // 10
	s.exec(`INSERT INTO jobs (id, name, kinds, request_id) VALUES (70, 'mine', '{}', gen_random_uuid()), (71, 'other', '{}', gen_random_uuid())`)
	for _, job := range []int{70, 71, 72} { // 11, 12, 13: the last is gone by now
		s.exec(`WITH c AS (INSERT INTO changes (object_type_id, object_id, action, event, version, cause, request_id) VALUES (19, $1, 'create', 'started', 1, 'sync', gen_random_uuid()) RETURNING id)
			INSERT INTO outbox SELECT id FROM c`, job)
	}
	last := s.relay()
	if last != 13 {
		t.Fatalf("there are %d events", last)
	}
	fence := routine(s.prod, "fence", nil) // 14: seen by all of them, so that what is not there does not have to be waited for
	s.relay()
	const (
		routines, repls, jobs = change.BackupRoutine, change.Replication, change.Job
		fenced                = `{"job_id": "fence"}`
	)
	type grant struct {
		of          change.ObjectType
		constraints string
	}
	for name, c := range map[string]struct {
		grants []grant
		want   string
	}{
		"all routines":          {[]grant{{routines, ""}}, "1 2 3 4 6 7 8 10"},
		"all replications":      {[]grant{{repls, ""}, {routines, fenced}}, "5 9"},
		"all of both":           {[]grant{{repls, ""}, {routines, `[]`}}, "1 2 3 4 5 6 7 8 9 10"},
		"all jobs":              {[]grant{{jobs, ""}, {routines, fenced}}, "11 12 13"},
		"everything":            {[]grant{{jobs, ""}, {repls, ""}, {routines, ""}}, "1 2 3 4 5 6 7 8 9 10 11 12 13"},
		"of one endpoint":       {[]grant{{routines, fmt.Sprintf(`[{"endpoint": %d}, %s]`, s.lab, fenced)}}, "2 4 7 10"},
		"of an endpoint's name": {[]grant{{routines, `[{"endpoint__name": "prod-proxmox"}]`}}, "1 3 6 8"},
		"of both kinds":         {[]grant{{routines, fmt.Sprintf(`[{"endpoint_id": %d}, %s]`, s.lab, fenced)}, {repls, fmt.Sprintf(`{"endpoint": %d}`, s.lab)}}, "2 4 5 7 9 10"},
		"by what it was":        {[]grant{{routines, `[{"status": "stale"}, ` + fenced + `]`}}, "4"},
		"by its text":           {[]grant{{routines, `[{"comment": "a"}, ` + fenced + `]`}}, "1"},
		"by its id":             {[]grant{{routines, fmt.Sprintf(`[{"id": %d}, {"pk": %d}]`, lab, fence)}}, "2 4 6 7 10"},
		"by its version":        {[]grant{{routines, fmt.Sprintf(`[{"version__lte": 2, "id__lt": %d}, %s]`, fence, fenced)}}, "1 2 3 4"},
		"by tags that are gone": {[]grant{{routines, `[{"tags__slug": "alpha"}, ` + fenced + `]`}}, ""},
		"of one job":            {[]grant{{jobs, `{"name": "mine"}`}, {routines, fenced}}, "11"},
		"nonsense":              {[]grant{{jobs, `{"bogus": 1}`}, {repls, `"x"`}, {routines, fenced}}, ""},
		"by several":            {[]grant{{routines, `{"comment": "a"}`}, {routines, `{"status": "stale"}`}, {routines, fenced}, {jobs, `{"id": 71}`}}, "1 4 12"},
	} {
		t.Run(name, func(t *testing.T) {
			user := s.newUser(name, false)
			for _, g := range c.grants {
				s.grant(user, g.of, "view", g.constraints)
			}
			stream := s.listen(eventsPath+"?last_event_id=0", "Bearer "+s.newToken(user, true))
			want := strings.TrimSpace(c.want + " 14")
			if got := stream.ids(len(strings.Fields(want))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	if got := s.listen(eventsPath, admin, "Last-Event-ID", "3").ids(11); got != "4 5 6 7 8 9 10 11 12 13 14" {
		t.Errorf("a superuser gets %s", got)
	}
	// Others do not even get in.
	nobody := "Bearer " + s.newToken(s.newUser("nobody", false), true)
	s.ask("GET", eventsPath, nil, "Authorization", nobody).want(t, 403, forbidden)
	s.ask("GET", eventsPath, nil, "Authorization", s.as("writer", "change add delete", "")).want(t, 403, forbidden)
	s.ask("GET", eventsPath, nil, "Authorization", "").want(t, 403, anonymous)
	s.ask("GET", eventsPath, nil, "Authorization", "Bearer wrong").want(t, 403, "")
}

func TestEventsAreAskedForAsLists(t *testing.T) {
	s := newStreams(t, time.Minute)
	admin := "Bearer " + s.token
	for query, want := range map[string]string{
		"endpoint=x":                        `{"endpoint":["Enter a whole number."]}`,
		"object_id=1.5&object_id=2":         `{"object_id":["Enter a whole number."]}`,
		"kind=cluster":                      `{"kind":["Select a valid choice. cluster is not one of the available choices."]}`,
		"type=proxops.sync.stale.v1&type=x": `{"type":["Select a valid choice. proxops.sync.stale.v1 is not one of the available choices.","Select a valid choice. x is not one of the available choices."]}`,
		"last_event_id=-1":                  `{"last_event_id":["Enter a whole number."]}`,
		"last_event_id=abc&kind=%FF":        `{"kind":["Select a valid choice. ` + "\uFFFD" + ` is not one of the available choices."],"last_event_id":["Enter a whole number."]}`,
	} {
		s.get(eventsPath+"?"+query).want(t, 400, want)
		s.ask("HEAD", eventsPath+"?"+query, nil).want(t, 400, "")
	}
	s.ask("GET", eventsPath, nil, "Last-Event-ID", "x").want(t, 400, `{"Last-Event-ID":["Enter a whole number."]}`)
	s.ask("POST", eventsPath, nil).want(t, 405, `{"detail":"Method \"POST\" not allowed."}`)
	s.ask("GET", eventsPath, nil, "Accept", "image/png").want(t, 406, "")
	s.ask("GET", eventsPath+"?format=csv", nil).want(t, 404, "")
	s.ask("GET", strings.TrimSuffix(eventsPath, "/")+"?kind=sync", nil).want(t, 301, "")
	options := s.ask("OPTIONS", eventsPath, nil)
	if options.status != 200 || !strings.Contains(options.body, `"renders":["text/event-stream"]`) {
		t.Errorf("%d %s", options.status, options.body)
	}
	for _, accept := range []string{"text/event-stream", "*/*", "application/json", "text/html,*/*;q=0.8", ""} {
		stream := s.listen(eventsPath, admin, "Accept", accept)
		h := stream.head.Header
		if stream.head.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Allow") != "GET, HEAD, OPTIONS" ||
			!strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("Accept %q: %d %v", accept, stream.head.StatusCode, h)
		}
		if !stream.read.Scan() || stream.read.Text() != "retry: 2000" {
			t.Errorf("the stream begins with %q", stream.read.Text())
		}
	}
	if h := s.ask("HEAD", eventsPath+"?endpont=1&kind=sync", nil).header; h.Get("Content-Type") != "text/event-stream" || h.Get("X-Ignored-Parameters") != "endpont" {
		t.Errorf("%v", h)
	}
	// Parameters narrow what comes, together and each by itself.
	s.make(routinesPath, map[string]any{"endpoint": s.prod, "job_id": "a"})
	id := s.make(routinesPath, map[string]any{"endpoint": s.lab, "job_id": "b"})
	s.ask("PATCH", path(routinesPath, id), map[string]any{"status": "stale"}).want(t, 200, "")
	s.make(replsPath, map[string]any{"endpoint": s.lab, "replication_id": "100-0", "virtual_machine": s.lvm, "guest": 100, "target": "x", "jobnum": 0})
	s.relay()
	for query, want := range map[string]string{
		"":                                "1 2 3 4",
		"endpoint=" + fmt.Sprint(s.lab):   "2 3 4",
		"kind=backup-routines&kind=":      "1 2 3",
		"kind=replications&kind=sync":     "4",
		"kind=backup_routine&type=stale":  "3",
		"type=created&type=stale&limit=5": "1 2 3 4",
		"type=proxops.backup_routine.created.v1&kind=replication&kind=backup_routine": "1 2",
		"object_id=" + fmt.Sprint(id) + "&kind=backup_routine":                        "2 3",
		"endpoint=" + fmt.Sprint(s.prod) + "&endpoint=" + fmt.Sprint(s.lab):           "1 2 3 4",
	} {
		if got := s.listen(eventsPath+"?last_event_id=0&"+query, admin).ids(len(strings.Fields(want))); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Browsers keep the address, with what they began with, and tell by the header where they are.
	if got := s.listen(eventsPath+"?last_event_id=0", admin, "Last-Event-ID", "2").ids(2); got != "3 4" {
		t.Errorf("got %s", got)
	}
}

func TestAStreamHeedsWhatBecomesOfItsUser(t *testing.T) {
	s := newStreams(t, 20*time.Millisecond)
	publish := func(job string) { s.make(routinesPath, map[string]any{"endpoint": s.prod, "job_id": job}); s.relay() }
	for name, c := range map[string]struct {
		sql  string
		want string
	}{
		"token removed":    {"DELETE FROM tokens WHERE user_id = $1", `{"detail":"Invalid v2 token"}`},
		"token disabled":   {"UPDATE tokens SET enabled = false WHERE user_id = $1", `{"detail":"Token disabled"}`},
		"user deactivated": {"UPDATE users SET is_active = false WHERE id = $1", `{"detail":"User inactive"}`},
		"permission taken": {"DELETE FROM permission_users WHERE user_id = $1", forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			user := s.newUser(name, false)
			s.grant(user, change.BackupRoutine, "view", "")
			stream := s.listen(eventsPath, "Bearer "+s.newToken(user, true))
			publish(name)
			if id, event, _ := stream.event(); event != "proxops.backup_routine.created.v1" {
				t.Fatal(id, event)
			}
			s.exec(c.sql, user)
			if _, event, data := stream.event(); event != "error" || data != c.want {
				t.Errorf("%s %s, want %s", event, data, c.want)
			}
			if stream.read.Scan() || stream.read.Err() != nil {
				t.Errorf("it goes on with %q, %v", stream.read.Text(), stream.read.Err())
			}
		})
	}
	// A permission that is narrowed, and widened again.
	user := s.newUser("somebody", false)
	s.grant(user, change.BackupRoutine, "view", `{"job_id__startswith": "a"}`)
	stream := s.listen(eventsPath, "Bearer "+s.newToken(user, true))
	publish("b1")
	publish("a1")
	_, _, data := stream.event()
	first := s.exec("SELECT id FROM backup_routines WHERE job_id = 'a1'")
	if !strings.Contains(data, fmt.Sprintf(`"object_id":%d}`, first)) {
		t.Errorf("got %s, want object %d", data, first)
	}
	s.exec("UPDATE permissions SET constraints = '{\"job_id__startswith\": \"b\"}' WHERE id = (SELECT max(id) FROM permissions)")
	for range 3 { // two heartbeats
		stream.read.Scan()
	}
	for n := 0; ; n++ {
		publish(fmt.Sprintf("b%d", n+2))
		publish(fmt.Sprintf("a%d", n+2))
		_, _, data := stream.event()
		if s.exec("SELECT count(*) FROM backup_routines WHERE job_id LIKE 'b%' AND $1::text LIKE '%\"object_id\":' || id || '}%'", data) == 1 {
			break
		}
		if n > 50 {
			t.Fatal("the new permission is not heeded")
		}
	}
}

func TestWithoutNATSNothingIsStreamed(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{eventsPath, path(syncJobsPath, int(w.exec(`INSERT INTO jobs (name, kinds, request_id) VALUES ('j', '{}', gen_random_uuid()) RETURNING id`))) + "stream/"} {
		res := w.listen(path, "Bearer "+w.token)
		if res.head.StatusCode != 503 {
			t.Errorf("%s: %d", path, res.head.StatusCode)
		}
	}
}
