package browser

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// Somebody adds the first endpoint, tests it, reads it from its page, and watches the job to its end, which the page shows without being loaded again.
func TestAnEndpointIsAddedTestedAndRead(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 6}, 0)
	l := p.fleet.Listing()[0]
	b := p.login(t)
	b.open("/plugins/proxbox/endpoints/proxmox/")
	b.follow(`.actions a[href$="/add/"]`)
	for name, value := range map[string]string{
		"name": l.Name, "ip_address": l.Host, "port": strconv.Itoa(l.Port), "username": l.User, "token_name": l.TokenName, "token_value": l.TokenValue, "poll_interval": "0",
		"ca_certificate": l.CACertificate,
	} {
		b.paste("#in-"+name, value)
	}
	b.follow("form.form [type=submit]")
	if title := b.text("h1"); !strings.HasPrefix(title, l.Name) {
		t.Fatalf("after saving one is at %s, %q", b.address(), title)
	}
	var page string
	if b.eval(`document.documentElement.outerHTML`, &page); strings.Contains(page, l.TokenValue) {
		t.Error("the page of the endpoint holds its secret")
	}

	b.click(`form[action$="/test/"] [type=submit]`)
	b.until("the result of the test", `document.querySelector("#probe .probe.is-well")`)

	b.click("[data-sync] > summary")
	b.follow(`[data-sync] [type=submit][value="all"]`)
	b.eval(`window.unbroken = true`, nil)
	b.until("the end of the job", `(document.querySelector("#job [data-f=status]") || {innerText: ""}).innerText.includes("Completed")`)
	b.until("what it made", `Number((document.querySelector("#job [data-count=created] dd") || {innerText: "0"}).innerText) > 0`)
	b.until("the page to be the same", `window.unbroken`)
	b.open(replications)
	if n := b.text("#count"); n != strconv.Itoa(len(p.fleet.Clusters()[0].World().Replications)) {
		t.Errorf("%s replications were read", n)
	}
}

// The page of a virtual machine has a tab with what protects it.
func TestAMachineShowsItsReplications(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 6}, 1)
	b := p.login(t)
	first := p.fleet.Clusters()[0].World().Replications[0]
	b.open(fmt.Sprintf("/virtualization/virtual-machines/?vmid=%d", first.Guest))
	b.follow("[data-row] [data-open]")
	b.follow(`.tabs a[href$="/proxbox/"]`)
	if jobs := b.texts("[data-row] [data-open]"); !slices.ContainsFunc(jobs, func(job string) bool { return strings.HasPrefix(job, first.ID()) }) {
		t.Errorf("the tab of %d shows %q, want %s among them", first.Guest, jobs, first.ID())
	}
}

// Somebody has the replications read every hour: the form shows the next five runs while it is filled in, and the schedule runs at once when asked.
func TestReplicationsAreScheduledHourly(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 3}, 1)
	b := p.login(t)
	b.open("/plugins/proxbox/sync-schedules/")
	b.follow(`.actions a[href$="/add/"]`)
	b.write("#in-name", "Replications")
	b.click(`input[name=types][value="replications"]`)
	b.click(`input[name=repeat][value="interval"]`)
	b.write("input[name=count]", "1")
	b.eval(`{ const unit = document.querySelector("select[name=unit]"); unit.value = "60"; unit.dispatchEvent(new Event("change", {bubbles: true})); }`, nil)
	b.until("the next five runs", `document.querySelectorAll(".next-runs .runs li").length === 5`)
	var apart []float64
	b.eval(`Array.from(document.querySelectorAll(".next-runs time"), (t) => Date.parse(t.dateTime)).map((at, i, all) => i ? (at - all[i-1]) / 60000 : 60)`, &apart)
	if slices.ContainsFunc(apart, func(minutes float64) bool { return minutes != 60 }) {
		t.Errorf("the runs are %v minutes apart, want an hour each", apart)
	}
	b.follow("form.form [type=submit]")
	if title := b.text("h1"); !strings.HasPrefix(title, "Replications") {
		t.Fatalf("after saving one is at %s, %q", b.address(), title)
	}
	b.follow(`.actions form[action$="/run/"] [type=submit]`)
	// The list of jobs does not follow them, so it is opened until it has what is awaited.
	shown := func() (ok bool) {
		b.open("/core/jobs/")
		b.eval(`Array.from(document.querySelectorAll("[data-row]")).some((r) => r.innerText.includes("Replications") && r.innerText.includes("Completed"))`, &ok)
		return ok
	}
	for end := time.Now().Add(2 * wait); !shown(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the job of the schedule is not completed: %q", b.texts("[data-row]"))
		}
	}
}

// Somebody cancels a job that waits for a cluster which does not answer: they are asked first, and can do it all by keyboard.
func TestACancelledJobAsksFirst(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 1}, 0)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	endpoint := p.call(t, http.MethodPost, "/api/plugins/proxbox/endpoints/proxmox/", map[string]any{
		"name": "silent", "ip_address": "127.0.0.1", "port": silent.Addr().(*net.TCPAddr).Port, "username": "proxops@pve", "token_name": "reader", "token_value": "x", "poll_interval": 0,
	})
	job := p.call(t, http.MethodPost, "/api/plugins/proxbox/sync/", map[string]any{"endpoints": []any{endpoint["id"]}})
	page := fmt.Sprintf("/core/jobs/%v/", job["id"])
	b := p.login(t)
	b.open(page)
	focus := func(what, selector string) {
		t.Helper()
		b.until(what, `document.activeElement.matches(`+quoted(selector)+`)`)
	}
	ask := func() {
		t.Helper()
		b.eval(`document.querySelector("a[data-ask]").focus()`, nil)
		b.press("\r")
		b.until("the question", `document.querySelector("dialog.ask[open]")`)
		focus("the harmless answer to have the focus", "dialog.ask [data-close]")
	}
	ask()
	b.accessible(axe(t), "the question")
	b.press(escape)
	b.until("no question", `!document.querySelector("dialog.ask")`)
	focus("the focus to be back", "a[data-ask]")
	ask()
	b.press("\r")
	b.until("no question", `!document.querySelector("dialog.ask")`)
	if status := p.call(t, http.MethodGet, "/api"+page, nil)["status"].(map[string]any)["value"]; status != "pending" && status != "running" {
		t.Fatalf("the job is %v before anybody said so", status)
	}
	ask()
	for range 5 {
		var at bool
		if b.eval(`document.activeElement.matches("dialog.ask [type=submit]")`, &at); at {
			break
		}
		b.press("\t")
	}
	b.leave("the answer", func() { b.press("\r") })
	if at := b.address(); at != page {
		t.Errorf("after the answer one is at %s", at)
	}
	b.until("the job to be cancelled", `document.getElementById("job").innerText.includes("cancelled by admin") && !document.querySelector("a[data-ask]")`)
}
