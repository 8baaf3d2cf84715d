package rest_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/change"
)

const occurrencesPath = "/api/plugins/proxbox/occurrences/"

// runs are the results as "kind id time per_day text", with times by the day alone.
func (a answer) runs(t *testing.T) string {
	t.Helper()
	var out []string
	for _, o := range a.results(t) {
		out = append(out, fmt.Sprint(o["kind"], " ", o["object_id"], " ", o["time"], " ", o["per_day"], " ", o["text"]))
	}
	return strings.Join(out, "\n")
}

func (w *world) routineIn(endpoint int, job, schedule string, more ...any) int {
	w.t.Helper()
	body := map[string]any{"endpoint": endpoint, "job_id": job, "schedule": schedule}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return w.make(routinesPath, body)
}

func TestOccurrencesAreTheComingRuns(t *testing.T) {
	w := newWorld(t)
	w.exec("UPDATE endpoints SET time_zone = 'Asia/Tokyo' WHERE id = $1", w.prod)
	daily := w.routineIn(w.prod, "daily", "02:00", "storage", w.backup)
	odd := w.routineIn(w.lab, "odd", "full moon")
	w.routineIn(w.prod, "off", "02:00", "enabled", false)
	repl := w.make(replsPath, map[string]any{"endpoint": w.lab, "replication_id": "100-0", "virtual_machine": w.lvm, "guest": 100, "target": "n", "jobnum": 0, "schedule": "*/15"})
	year := time.Now().Year() + 1 // within 400 days, if not in December of a year before
	day := fmt.Sprintf("%d-01-10", year)
	next := fmt.Sprintf("%d-01-11", year)
	a := w.get(occurrencesPath + "?after=" + day + "&before=" + next)
	want := fmt.Sprintf("replication %d %sT00:00:00Z 96 every 15 minutes\nbackup_routine %d %sT17:00:00Z 1 every day at 02:00", repl, day, daily, day)
	if got := a.runs(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	first, second := a.results(t)[0], a.results(t)[1]
	if first["until"] != day+"T23:45:00Z" || first["zone"] != "UTC" || first["zone_assumed"] != true || second["until"] != nil || second["zone"] != "Asia/Tokyo" || second["zone_assumed"] != false {
		t.Errorf("zones and ends: %v %v", first, second)
	}
	brief := w.get(path(routinesPath, daily) + "?brief=1").json(t)
	if fmt.Sprint(second["object"]) != fmt.Sprint(brief) {
		t.Errorf("the object is %v, its brief form %v", second["object"], brief)
	}
	unplaced := a.json(t)["unplaced"].([]any)
	if len(unplaced) != 1 || unplaced[0].(map[string]any)["object_id"] != float64(odd) || !strings.Contains(fmt.Sprint(unplaced[0]), "cannot be read") {
		t.Errorf("not placed: %v", unplaced)
	}
	for query, n := range map[string]int{
		"kind=backup_routine": 1, "kind=replications": 1, "kind=replication&kind=backup-routines": 2, "include=disabled": 3, "include=disabled,stale": 3, "endpoint_id=" + fmt.Sprint(w.prod): 1,
		"virtual_machine_id=" + fmt.Sprint(w.lvm): 1, "storage_id=" + fmt.Sprint(w.backup): 1, "q=100-": 1, "days=1": 2, "nonsense=1": 2,
	} {
		a := w.get(occurrencesPath + "?after=" + day + "&before=" + next + "&" + query)
		if len(a.results(t)) != n || a.json(t)["count"] != float64(n) || a.json(t)["truncated"] != false {
			t.Errorf("%s: %s, want %d", query, a.body, n)
		}
		if ignored := a.header.Get("X-Ignored-Parameters"); (ignored == "nonsense") != (query == "nonsense=1") {
			t.Errorf("%s: ignored: %q", query, ignored)
		}
	}
	if week := w.get(occurrencesPath).results(t); len(week) < 14 || len(week) > 16 {
		t.Errorf("without a range: %d entries", len(week))
	}
	if past := w.get(occurrencesPath + "?after=2020-01-01&before=2020-01-05").results(t); len(past) != 0 {
		t.Errorf("the past has %v", past)
	}
}

func TestOccurrencesRefuseWhatCannotBe(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"after=x":                            `{"after":["Enter a valid date/time."]}`,
		"before=x":                           `{"before":["Enter a valid date/time."]}`,
		"after=2030-01-02&before=2030-01-02": `{"before":["It has to be later than after."]}`,
		"after=2030-01-02&before=2032-01-02": `{"before":["It may be at most 400 days after after."]}`,
		"days=0":                             `{"days":["Enter a whole number from 1 to 400."]}`,
		"days=401":                           `{"days":["Enter a whole number from 1 to 400."]}`,
		"kind=sync":                          `{"kind":["Select a valid choice. sync is not one of the available choices."]}`,
		"include=all":                        `{"include":["Select a valid choice. all is not one of the available choices."]}`,
		"endpoint_id=99":                     `{"endpoint_id":["Select a valid choice. 99 is not one of the available choices."]}`,
		"virtual_machine_id=99":              `{"virtual_machine_id":["Select a valid choice. 99 is not one of the available choices."]}`,
	} {
		w.get(occurrencesPath+"?"+query).want(t, 400, want)
	}
	w.ask("POST", occurrencesPath, map[string]any{}).want(t, 405, "")
	w.ask("OPTIONS", occurrencesPath, nil).want(t, 200, "")
	if a := w.ask("HEAD", occurrencesPath, nil); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %s", a.status, a.body)
	}
	w.get(strings.TrimSuffix(occurrencesPath, "/")).want(t, 301, "")
}

func TestOccurrencesAreThoseOfJobsThatMayBeViewed(t *testing.T) {
	w := newWorld(t)
	mine := w.routineIn(w.prod, "mine", "02:00")
	w.routineIn(w.lab, "yours", "02:00")
	user := w.newUser("limited", false)
	token := w.newToken(user, false)
	auth := []string{"Authorization", "Bearer " + token}
	w.ask("GET", occurrencesPath, nil, auth...).want(t, 403, "")
	w.ask("GET", occurrencesPath, nil, "Authorization", "").want(t, 403, "")
	w.grant(user, change.BackupRoutine, "view", fmt.Sprintf(`[{"endpoint": %d}]`, w.prod))
	for _, o := range w.ask("GET", occurrencesPath, nil, auth...).results(t) {
		if o["object_id"] != float64(mine) {
			t.Errorf("shows %v", o)
		}
	}
	if a := w.ask("GET", occurrencesPath+"?format=ics", nil, auth...); !strings.Contains(a.body, "mine") || strings.Contains(a.body, "yours") {
		t.Errorf("the calendar shows %s", a.body)
	}
	w.ask("GET", occurrencesPath+"?kind=replication", nil, auth...).want(t, 403, "")
}

func TestACalendarTakesATokenAsPassword(t *testing.T) {
	w := newWorld(t)
	w.routineIn(w.prod, "nightly", "02:00")
	user := w.newUser("reader", true)
	basic := func(password string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))}
	}
	reads, writes := w.newToken(user, false), w.newToken(user, true)
	feed := occurrencesPath + "?format=ics"
	a := w.ask("GET", feed, nil, basic(reads)...)
	if a.status != 200 || a.header.Get("Content-Type") != "text/calendar; charset=utf-8" || strings.Count(a.body, "BEGIN:VEVENT\r\n") < 30 || !strings.Contains(a.body, "\r\nSUMMARY:nightly (daily)\r\n") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if !strings.Contains(strings.ReplaceAll(a.body, "\r\n ", ""), "\r\nURL:"+w.http.URL+"/plugins/proxbox/backup-routines/") {
		t.Errorf("no link to the page of the job: %s", a.body)
	}
	w.ask("GET", feed, nil, "Authorization", "Bearer "+writes).want(t, 200, "")
	w.ask("GET", occurrencesPath, nil, "Accept", "text/calendar").want(t, 200, "")
	w.ask("GET", feed, nil, basic(writes)...).want(t, 403, `{"detail":"A calendar takes only tokens that cannot write: make one with write_enabled false."}`)
	for name, headers := range map[string][]string{"nothing": {"Authorization", ""}, "a wrong password": basic("nbt_x.y"), "an empty one": basic("")} {
		refused := w.ask("GET", feed, nil, headers...)
		if refused.status != 401 || !strings.HasPrefix(refused.header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: %d %v", name, refused.status, refused.header)
		}
	}
	w.ask("GET", occurrencesPath, nil, basic(reads)...).want(t, 403, "")
	w.ask("GET", feed+"&token="+url.QueryEscape(reads), nil, "Authorization", "").want(t, 401, "")
	if strings.Contains(w.log.String(), reads) {
		t.Error("the log has the token")
	}
}
