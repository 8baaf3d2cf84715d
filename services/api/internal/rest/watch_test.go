package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/change"
)

const noJob = `{"detail":"No Job matches the given query."}`

func TestAJobIsStreamedToWhoMayViewIt(t *testing.T) {
	s := newStreams(t, 20*time.Millisecond)
	done, failed, _, running := s.plantSyncJobs()
	stream := func(id int) string { return path(syncJobsPath, id) + "stream/" }
	// Parts are as the job itself shows them.
	for _, list := range []string{syncJobsPath, syncJobsAlias} {
		results := s.get(path(list, done)).body
		live := s.listen(path(list, done)+"stream/", "Bearer "+s.token)
		var events []string
		for {
			id, event, data := live.event()
			if event == "" {
				break
			}
			events = append(events, strings.TrimSpace(event+" "+id))
			if event == "part" && !strings.Contains(results, data) {
				t.Errorf("no result of the job is %s:\n%s", data, results)
			}
			if event == "log" && !strings.Contains(results, data) {
				t.Errorf("no line of the job is %s:\n%s", data, results)
			}
			if event == "end" && data != fmt.Sprintf(`{"id":%d,"status":"completed"}`, done) {
				t.Errorf("it ends with %s", data)
			}
		}
		if got := strings.Join(events, ", "); got != "job, part, part, part, part, log 1, log 2, end" {
			t.Errorf("%s", got)
		}
	}
	if id, event, _ := s.listen(stream(done)+"?last_event_id=1", "Bearer "+s.token).last("log"); id != "2" || event != "log" {
		t.Errorf("%s %s", event, id)
	}
	s.get(stream(done)+"?last_event_id=x").want(t, 400, `{"last_event_id":["Enter a whole number."]}`)
	s.get(stream(99999)).want(t, 404, noJob)
	s.get(stream(1<<40)).want(t, 404, noJob)
	s.get(path(syncJobsPath, done)+"x/stream/").want(t, 404, "")
	s.ask("POST", stream(done), nil).want(t, 405, "")
	s.ask("OPTIONS", stream(done), nil).want(t, 200, "")
	s.ask("GET", stream(done), nil, "Authorization", "").want(t, 403, anonymous)
	if h := s.ask("HEAD", stream(done), nil); h.status != 200 || h.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %v", h.status, h.header)
	}
	user := s.newUser("somebody", false)
	token := "Bearer " + s.newToken(user, true)
	s.ask("GET", stream(done), nil, "Authorization", token).want(t, 403, forbidden)
	s.grant(user, change.Job, "view", fmt.Sprintf(`{"id": %d}`, running))
	s.ask("GET", stream(failed), nil, "Authorization", token).want(t, 404, noJob)
	theirs := s.listen(stream(running), token)
	if _, event, _ := theirs.event(); event != "job" {
		t.Errorf("%s", event)
	}
	s.exec("UPDATE permissions SET constraints = '{\"id\": 0}'")
	if _, event, data := theirs.event(); event != "error" || data != noJob {
		t.Errorf("%s %s", event, data)
	}
	if theirs.read.Scan() || theirs.read.Err() != nil {
		t.Errorf("it goes on with %q, %v", theirs.read.Text(), theirs.read.Err())
	}
}

// last reads to the end and returns the last event of this type.
func (s *sse) last(of string) (id, event, data string) {
	for {
		i, e, d := s.event()
		if e == "" {
			return id, event, data
		}
		if e == of {
			id, event, data = i, e, d
		}
	}
}
