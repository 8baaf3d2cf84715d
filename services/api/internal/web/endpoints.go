package web

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/identity"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/syncs"
)

// endpointRoutes are the pages of what can be done to an endpoint beside changing its fields.
func (w *Web) endpointRoutes(e *gin.Engine) {
	base := pathOf(w.Store.Set.Get(catalog.Endpoints)) + ":id/"
	e.POST(base+"sync/", w.page(w.syncEndpoint))
	e.POST(base+"test/", w.page(w.testEndpoint))
	e.POST(base+"enable/", w.page(w.enableEndpoint))
	e.GET(base+"accept-identity/", w.page(w.acceptIdentity))
	e.POST(base+"accept-identity/", w.page(w.acceptIdentity))
}

// syncKind is a kind of what is read as people call it, and as a sync is asked for it.
type syncKind struct{ kind, title, short, syncType string }

var syncKinds = []syncKind{
	{"backup_routine", "Backup routines", "Backups", syncjob.TypeOf("backup_routine")},
	{"replication", "Replications", "Replications", syncjob.TypeOf("replication")},
	{"inventory", "Inventory", "Inventory", syncjob.TypeOf("inventory")},
}

// admitted is the id of the endpoint that the address names, to which who looks may do something.
func (p *page) admitted(ctx context.Context, action resource.Action) (int64, error) {
	id, err := p.objectID()
	if err != nil {
		return 0, err
	}
	return id, p.Store.Admit(ctx, p.Store.Set.Get(catalog.Endpoints), p.actor(), action, id)
}

// syncEndpoint starts a sync job of one endpoint, and goes to its page.
func (w *Web) syncEndpoint(ctx context.Context, p *page) (answer, error) {
	id, err := p.admitted(ctx, resource.View)
	if err != nil {
		return answer{}, err
	}
	if !p.allowed(w.Store.Set.Get(catalog.Jobs), resource.Add) {
		return answer{}, resource.ErrForbidden
	}
	var want syncs.Wanted
	for _, name := range p.http.PostForm["types"] {
		if name == syncjob.All {
			continue
		}
		if _, known := syncjob.KindOf(name); !known {
			return answer{}, errNoPage
		}
		want.Types = append(want.Types, name)
	}
	job, err := w.Syncs.Start(ctx, p.actor(), want, w.Syncs.One(id))
	if err != nil {
		return answer{}, err
	}
	return p.toJob(ctx, job)
}

// testEndpoint tries the connection of an endpoint, and shows what was seen: in the page of the endpoint, or without scripts on a page of its own.
func (w *Web) testEndpoint(ctx context.Context, p *page) (answer, error) {
	id, err := p.admitted(ctx, resource.Change)
	if err != nil {
		return answer{}, err
	}
	seen, err := w.Prober.Probe(ctx, int32(id))
	text := ""
	if err != nil {
		if text = detailOf(err, ""); text == "" {
			return answer{}, err
		}
	}
	result := probeResult(seen, text)
	if p.partial() {
		return answer{body: result, bare: true}, nil
	}
	o, err := p.get(ctx, w.Store.Set.Get(catalog.Endpoints))
	if err != nil {
		return answer{}, err
	}
	return answer{title: "Test of " + o.name(), body: probePage(p, p.sheet(w.Store.Set.Get(catalog.Endpoints), o, "-"), result)}, nil
}

// enableEndpoint lets an endpoint be read, or no longer.
func (w *Web) enableEndpoint(ctx context.Context, p *page) (answer, error) {
	id, err := p.objectID()
	if err != nil {
		return answer{}, err
	}
	r := w.Store.Set.Get(catalog.Endpoints)
	body := map[string]any{"enabled": p.http.PostFormValue("enabled") == "true"}
	if _, err := w.Store.Update(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: body, Partial: true}); err != nil {
		return answer{}, err
	}
	return answer{to: pathOf(r) + strconv.FormatInt(id, 10) + "/"}, nil
}

// acceptIdentity asks whether the other cluster that answers is to be the one that the endpoint is, and accepts it.
func (w *Web) acceptIdentity(ctx context.Context, p *page) (answer, error) {
	id, err := p.admitted(ctx, resource.Change)
	if err != nil {
		return answer{}, err
	}
	r := w.Store.Set.Get(catalog.Endpoints)
	if p.http.Method != http.MethodPost {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		return answer{title: "Accept another cluster", body: acceptPage(p, p.sheet(r, o, "-"))}, nil
	}
	wanted := identity.Acceptance{Jobs: p.http.PostFormValue("existing_jobs"), Cluster: p.http.PostFormValue("cluster_name")}
	if wanted.Jobs != identity.Keep && wanted.Jobs != identity.Stale {
		return answer{}, badChoice("Say what becomes of the jobs that the endpoint has.")
	}
	req := resource.Request{At: p.at(), Actor: p.actor(), Body: map[string]any{"changelog_message": p.http.PostFormValue("changelog_message")}}
	if _, err := w.Identities.Accept(ctx, id, wanted, req); err != nil {
		return answer{}, err
	}
	return answer{to: pathOf(r) + strconv.FormatInt(id, 10) + "/"}, nil
}

// The parts of the page of an endpoint that follow what happens, by the ids of their elements.
const (
	syncStatePart  = "sync-state"
	discoveredPart = "discovered"
	historyPart    = "history"
)

// endpointPieces read these parts.
var endpointPieces = map[string]func(ctx context.Context, p *page, s *sheet) (templ.Component, error){
	syncStatePart:  syncStatePiece,
	discoveredPart: discoveredPiece,
	historyPart:    historyPiece,
}

// endpointLeads are what the page of an endpoint begins with: how reading it goes, what was found there, and its last sync jobs.
func endpointLeads(ctx context.Context, p *page, s *sheet) ([]templ.Component, error) {
	state, err := syncStatePiece(ctx, p, s)
	if err != nil {
		return nil, err
	}
	found, err := discoveredPiece(ctx, p, s)
	if err != nil {
		return nil, err
	}
	out := []templ.Component{state, probePlace(), found}
	if p.sees(catalog.Jobs) {
		history, err := historyPiece(ctx, p, s)
		if err != nil {
			return nil, err
		}
		out = append(out, history)
	}
	return out, nil
}

// syncStatePiece is how reading an endpoint goes. Readings that change nothing have no event, and the data ages.
func syncStatePiece(_ context.Context, p *page, s *sheet) (templ.Component, error) {
	return syncStateCard(s, s.followEndpoint(5*time.Second, 30*time.Second, routineEvents, replicationEvents, syncEvents)), nil
}

// followEndpoint is a part of the page of an endpoint that follows its events. Sync jobs of several endpoints have events of the endpoint zero.
func (s *sheet) followEndpoint(pause, every time.Duration, events ...string) templ.Attributes {
	return follow{at: s.base(), events: events, endpoints: []string{s.o.id(), "0"}, pause: pause, every: every}.live()
}

// discovered is what was found behind an endpoint.
type discovered struct {
	title, to string
	count     int
}

// discoveredPiece is which cluster an endpoint is, and what was found there.
func discoveredPiece(ctx context.Context, p *page, s *sheet) (templ.Component, error) {
	id := s.o.id()
	var cluster object
	var found []discovered
	count := func(name string, query url.Values) error {
		r := p.Store.Set.Get(name)
		if !p.may(r, resource.View) {
			return nil
		}
		n, err := p.count(ctx, name, query)
		found = append(found, discovered{viewOf(r).title, pathOf(r) + "?" + query.Encode(), n})
		return err
	}
	of := url.Values{"endpoint_id": {id}}
	if err := count(catalog.Routines, of); err != nil {
		return nil, err
	}
	if err := count(catalog.Replications, of); err != nil {
		return nil, err
	}
	if p.sees("proxmox-clusters") {
		list, err := p.read(ctx, "proxmox-clusters", of, "id", "url", "display", "name", "mode", "version", "cluster")
		if err != nil {
			return nil, err
		}
		if all := list.list("results"); len(all) > 0 {
			cluster = all[0]
		}
	}
	if err := count("nodes", of); err != nil {
		return nil, err
	}
	if in := cluster.sub("cluster").id(); in != "" {
		for _, name := range []string{"storage", "virtual-machines"} {
			if err := count(name, url.Values{"cluster_id": {in}}); err != nil {
				return nil, err
			}
		}
	}
	return clusterCard(p, s, cluster, found, s.followEndpoint(15*time.Second, 5*time.Minute, routineEvents, replicationEvents)), nil
}

// historyPiece is the last sync jobs that read an endpoint.
func historyPiece(ctx context.Context, p *page, s *sheet) (templ.Component, error) {
	query := url.Values{"proxmox_endpoint_id": {s.o.id()}, "limit": {"10"}, "status__n": {"scheduled"}}
	jobs, err := p.read(ctx, catalog.Jobs, query, "id", "name", "status", "created", "started", "completed", "user", "error")
	if err != nil {
		return nil, err
	}
	rows := jobs.list("results")
	if err := summariseJobs(ctx, p, rows); err != nil {
		return nil, err
	}
	return historyCard(p, s, rows, int(jobs.number("count")), s.followEndpoint(2*time.Second, 2*time.Minute, syncEvents)), nil
}

// grantOf is the command that grants what reading an endpoint lacks, "" if it lacks nothing that a role grants.
func grantOf(o object, privilege string) string {
	if privilege == "" {
		return ""
	}
	return probe.Grant(o.text("username"), o.text("token_name"), []string{privilege})
}

// tlsOf is how far the certificate of an endpoint is checked: a word for tone, and what it means.
func tlsOf(o object) (value, text string) {
	pinned := len(o.items("fingerprints"))
	switch {
	case pinned > 0:
		return "ok", "Pinned"
	case !o.flag("verify_ssl"):
		return "danger", "Not verified"
	case o.text("ca_certificate") != "":
		return "ok", "Own CA"
	}
	return "ok", "Verified"
}

// age is a number of seconds for people.
func age(seconds int64) string {
	switch {
	case seconds < 120:
		return strconv.FormatInt(seconds, 10) + " s"
	case seconds < 2*3600:
		return strconv.FormatInt(seconds/60, 10) + " min"
	case seconds < 48*3600:
		return strconv.FormatInt(seconds/3600, 10) + " h"
	}
	return strconv.FormatInt(seconds/86400, 10) + " d"
}

// pace is a number of seconds between readings for people.
func pace(o object) string {
	if o["enabled"] == false {
		return "no more, as it is disabled"
	}
	if n := o.number("poll_interval"); n > 0 {
		return "every " + age(n)
	}
	return "only when asked"
}

// failuresText says how often reading an endpoint has failed since it last went well.
func failuresText(endpoint object) string {
	n := endpoint.sub("sync_state").number("failures")
	if n == 0 {
		return ""
	}
	return "; " + counted(n, "failure", "failures") + " in a row"
}

// zoneOf is the time zone of the schedules of an endpoint; assumed says that nothing tells.
func zoneOf(endpoint object) (zone string, assumed bool) {
	if zone = cmp.Or(endpoint.text("time_zone"), endpoint.sub("sync_state").text("time_zone")); zone == "" {
		return "UTC", true
	}
	return zone, false
}

// certificateNames are whose certificates a PEM text has, and until when.
func certificateNames(text string) []string {
	var out []string
	for rest := []byte(text); len(out) < maxShown; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			name := cmp.Or(c.Subject.CommonName, c.Subject.String())
			if len(c.Subject.Organization) > 0 {
				name += " of " + strings.Join(c.Subject.Organization, ", ")
			}
			out = append(out, name+", until "+c.NotAfter.UTC().Format(time.DateOnly))
		}
	}
	return out
}
