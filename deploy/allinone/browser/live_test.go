package browser

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// A list is open while a job is deleted on the cluster. The next reading makes it stale, and the list shows that without being loaded again.
func TestAnOpenListShowsWhatBecomesStale(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open(replications)
	b.eval(`window.unbroken = true`, nil)
	cluster := p.fleet.Clusters()[0]
	gone := cluster.World().Replications[0].ID()
	cluster.Edit(func(w *pvesim.World) { w.DeleteReplication(gone) })
	p.sync(t)
	row := `Array.from(document.querySelectorAll("[data-row]")).find((r) => r.querySelector("[data-open]").innerText.trim() === ` + quoted(gone) + `)`
	b.until(gone+" to be stale on the open list", `(`+row+` || {innerText: ""}).innerText.includes("Stale")`)
	b.until("the page to be the same", `window.unbroken`)

	b.open(replications + "?status=stale")
	if n := b.text("#count"); n != "1" {
		t.Fatalf("%s are stale", n)
	}
	p.deleteReplication(0)
	p.sync(t)
	b.until("the tab to count two", `document.getElementById("count").innerText === "2"`)
}

// Somebody logs out in another tab. The list that is open in this one leads to the login, and from there back to itself.
func TestAnOpenListLeadsToTheLoginOnceOneIsLoggedOut(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 2}, 1)
	b := p.login(t)
	b.open(replications + "?ordering=-id")
	b.expect("403") // the stream is refused from now on
	b.eval(`fetch("/logout/", { method: "POST", redirect: "manual" }).then(() => true)`, nil)
	b.until("the login", `location.pathname === "/login/"`)
	if at := b.address(); at != "/login/?next="+url.QueryEscape(replications+"?ordering=-id") {
		t.Errorf("it leads to %s", at)
	}
}

// The dashboard is open while a job is deleted on the cluster. The count of stale jobs follows, and nothing else is asked for that did not change.
func TestAnOpenDashboardCountsWhatBecomesStale(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open("/")
	const stale = `#replications a[href*="status=stale"]`
	if was := b.text(stale + " strong"); was != "0" {
		t.Fatalf("%s are stale at first", was)
	}
	b.eval(`window.unbroken = document.getElementById("timeline"); document.querySelector(`+quoted(stale)+`).focus()`, nil)
	b.asked()
	p.deleteReplication(0)
	p.sync(t)
	b.until("the job to be counted", `document.querySelector(`+quoted(stale+" strong")+`).innerText === "1"`)
	b.until("the focus to be where it was", `document.activeElement.matches(`+quoted(stale)+`)`)
	b.until("the timeline to be the same", `window.unbroken === document.getElementById("timeline")`)
	b.until("no question about what did not change", `!window.asked.some((a) => a.part === "routines" || a.part === "timeline" || a.part === "main")`)
}

// The calendar is open while a job is deleted on the cluster: its runs go, and one stays where one is.
func TestAnOpenCalendarFollowsItsJobs(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open("/plugins/proxbox/calendar/?kind=replication")
	b.eval(`window.unbroken = document.getElementById("count").innerText; document.querySelector("#calendar a[rel=next]").focus()`, nil)
	p.deleteReplication(0)
	p.sync(t)
	b.until("fewer runs", `Number(document.getElementById("count").innerText.replace(",", "")) < Number(window.unbroken.replace(",", ""))`)
	b.until("the focus to be where it was", `document.activeElement.matches("#calendar a[rel=next]")`)
}

// The page of an endpoint is open while somebody else reads it: the job appears, and what was typed or opened elsewhere on the page stays.
func TestAnOpenEndpointShowsItsSyncs(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open("/plugins/proxbox/endpoints/proxmox/1/")
	b.eval(`document.querySelector("#object .sheet-main details").open = true`, nil)
	b.asked()
	p.deleteReplication(0)
	p.sync(t)
	b.until("the second job", `document.querySelectorAll("#history tbody tr").length === 2 && document.querySelector("#history tbody tr").innerText.includes("Completed")`)
	b.until("the state to be asked for", `window.asked.some((a) => a.part === "sync-state")`)
	b.until("nothing but parts to be asked for", `!window.asked.some((a) => a.part === "object" || a.part === "main") && document.querySelector("#object .sheet-main details").open`)
}

// A server is slow while more and more happens: a list is not asked for again before it has come, and then shows everything.
func TestAnOpenListIsAskedForOnceAtATime(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open(replications)
	b.eval(`{
		document.getElementById("results").dataset.livePause = 0;
		const known = window.fetch;
		window.held = [];
		window.fetch = (url, options) => known(url, options).then((answer) => new Promise((give) => window.held.push(() => give(answer))));
		window.heard = 0;
		const source = new EventSource(document.body.dataset.events + "?kind=replication");
		source.addEventListener("proxops.replication.stale.v1", () => { window.heard++; window.last = performance.now(); });
		window.opened = new Promise((r) => { source.onopen = r; });
		window.release = () => { window.fetch = known; window.held.forEach((give) => give()); };
	}`, nil)
	b.eval(`window.opened`, nil)
	for i := range 2 {
		p.deleteReplication(0)
		p.sync(t)
		b.until("the event", fmt.Sprintf(`window.heard === %d`, i+1))
		b.until("the list to be asked for", `window.held.length`)
	}
	b.until("what was heard to be gathered", `performance.now() > window.last + 1500`)
	b.until("one question", `window.held.length === 1`)
	b.eval(`window.release()`, nil)
	b.until("both jobs to be stale", `document.querySelectorAll("[data-row].is-stale").length === 2`)
}

// A tab that nobody sees asks nothing, and once when it is seen again.
func TestAHiddenDashboardAsksNothing(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open("/")
	b.asked()
	look := func(hidden string) {
		t.Helper()
		b.eval(`Object.defineProperty(document, "hidden", {value: `+hidden+`, configurable: true}); document.dispatchEvent(new Event("visibilitychange"))`, nil)
	}
	look("true")
	b.eval(`document.getElementById("replications").dataset.livePause = 0`, nil) // it would ask at once
	b.eval(`window.heard = 0; { const s = new EventSource(document.body.dataset.events + "?kind=replication"); s.addEventListener("proxops.replication.stale.v1", () => { window.heard++; window.last = performance.now(); }); window.opened = new Promise((r) => { s.onopen = r; }); }`, nil)
	b.eval(`window.opened`, nil)
	for i := range 2 {
		p.deleteReplication(0)
		p.sync(t)
		b.until("the event", fmt.Sprintf(`window.heard === %d`, i+1))
	}
	b.until("what was heard to be gathered", `performance.now() > window.last + 1500`)
	look("false")
	b.until("the jobs to be counted", `document.querySelector('#replications a[href*="status=stale"] strong').innerText === "2"`)
	b.until("one question, after it was seen", `window.asked.filter((a) => a.part === "replications").length === 1 && !window.asked.some((a) => a.hidden)`)
}

// The server goes away, refuses for a while, and comes back: browsers do not ask again for a stream that was refused. Every page that follows what
// happens says so, and shows what it has missed.
func TestOpenPagesSayThatTheyAreDisconnectedAndComeBack(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	p.call(t, http.MethodPost, "/api/plugins/proxbox/sync-schedules/", map[string]any{"name": "hourly", "types": []string{"replications"}, "interval": 60})
	planned := p.call(t, http.MethodGet, "/api/core/jobs/?status=scheduled", nil)["results"].([]any)[0].(map[string]any)["id"]
	g := newGate(t, p.URL)
	behind := *p
	behind.URL = g.URL
	tabs := map[string]*tab{}
	for _, path := range []string{replications, fmt.Sprintf("/core/jobs/%v/", planned), "/plugins/proxbox/endpoints/proxmox/1/", "/", "/plugins/proxbox/calendar/"} {
		b := behind.login(t)
		b.expect("net::ERR")
		b.expect("status of 503")
		b.open(path)
		b.until("a stream at "+path, `performance.getEntriesByType("resource").length > 0 && document.getElementById("live").hidden`)
		tabs[path] = b
	}
	g.away()
	for path, b := range tabs {
		b.until(path+" to say that it is disconnected", `!document.getElementById("live").hidden && document.getElementById("live").innerText.startsWith("Disconnected, retrying")`)
	}
	g.refuse()
	p.deleteReplication(0)
	p.sync(t)
	for end := time.Now().Add(wait); int(g.refused.Load()) < len(tabs); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d streams were refused", g.refused.Load())
		}
	}
	g.open()
	for path, b := range tabs {
		b.until(path+" to be connected again", `document.getElementById("live").hidden`)
	}
	tabs["/"].until("the dashboard to count what it has missed", `document.querySelector('#replications a[href*="status=stale"] strong').innerText === "1"`)
	tabs[replications].until("the list to show what it has missed", `document.querySelector("[data-row].is-stale")`)
}

// gate is before a server, and can be shut.
type gate struct {
	*httptest.Server

	state   atomic.Int32
	refused atomic.Int32 // streams
}

const (
	gateOpen = iota
	gateAway
	gateRefusing
)

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	at, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), // clients leave
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at); r.Out.Host = r.In.Host },
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch g.state.Load() {
		case gateAway:
			panic(http.ErrAbortHandler)
		case gateRefusing:
			if r.Header.Get("Accept") == "text/event-stream" {
				g.refused.Add(1)
			}
			http.Error(w, "starting", http.StatusServiceUnavailable)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	g.Config.ErrorLog = proxy.ErrorLog
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *gate) open()   { g.state.Store(gateOpen) }
func (g *gate) refuse() { g.state.Store(gateRefusing) }

// away breaks off what goes on, and answers nothing.
func (g *gate) away() {
	g.state.Store(gateAway)
	g.CloseClientConnections()
}

// asked has the page keep in window.asked which of its parts it asks for, and whether it was hidden then.
func (b *tab) asked() {
	b.t.Helper()
	b.eval(`{
		const known = window.fetch;
		window.asked = [];
		window.fetch = (url, options) => { window.asked.push({ part: (options && options.headers && options.headers["HX-Target"]) || "main", hidden: document.hidden }); return known(url, options); };
	}`, nil)
}

// deleteReplication deletes the first replication of a cluster.
func (p *product) deleteReplication(cluster int) {
	p.fleet.Clusters()[cluster].Edit(func(w *pvesim.World) { w.DeleteReplication(w.Replications[0].ID()) })
}

// Somebody who may see one endpoint hears of that one alone, by the stream that their pages open with their session.
func TestStreamsOfPagesTellOfWhatOneMaySee(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 2, Jobs: 3}, 2)
	const password = "Correct horse 1 battery"
	user := p.call(t, http.MethodPost, "/api/users/users/", map[string]any{"username": "eve", "password": password})["id"]
	p.call(t, http.MethodPost, "/api/users/permissions/", map[string]any{
		"name": "one", "object_types": []string{"netbox_proxbox.replication"}, "actions": []string{"view"}, "constraints": map[string]any{"endpoint_id": 1}, "users": []any{user},
	})
	eve := *p
	eve.Username, eve.Password = "eve", password
	b := eve.login(t)
	b.open(replications)
	b.eval(`{
		window.heard = [];
		const kind = document.querySelector("[data-live]").dataset.live, source = new EventSource(document.body.dataset.events + "?kind=" + kind);
		source.addEventListener("proxops." + kind + ".stale.v1", (e) => window.heard.push(JSON.parse(e.data)));
		window.opened = new Promise((r) => { source.onopen = r; });
	}`, nil)
	b.eval(`window.opened`, nil)
	for _, cluster := range []int{1, 0} { // the one that is hidden first: its event comes before the other, or not at all
		p.deleteReplication(cluster)
		p.sync(t)
	}
	b.until("the event of the endpoint that one may see", `window.heard.length`)
	b.until("no other event", `window.heard.length === 1`)
	b.until("the row to be stale", `document.querySelectorAll("[data-row].is-stale").length === 1`)
	var heard string
	b.eval(`JSON.stringify(window.heard)`, &heard)
	hidden := p.call(t, http.MethodGet, "/api/plugins/proxbox/replications/?status=stale&endpoint_id=2", nil)["results"].([]any)[0].(map[string]any)
	if seen := p.call(t, http.MethodGet, "/api/plugins/proxbox/replications/?status=stale&endpoint_id=1", nil)["results"].([]any)[0].(map[string]any); !strings.Contains(heard, fmt.Sprintf(`"object_id":%v`, seen["id"])) || strings.Contains(heard, fmt.Sprintf(`"object_id":%v`, hidden["id"])) {
		t.Errorf("heard %s, want of %v alone, not of %v", heard, seen["id"], hidden["id"])
	}
}
