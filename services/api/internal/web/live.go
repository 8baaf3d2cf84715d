package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/catalog"
)

// The kinds of events, as the stream of events has them.
const (
	routineEvents     = "backup_routine"
	replicationEvents = "replication"
	syncEvents        = "sync"
)

// eventResources are what events are about, by their kind.
var eventResources = map[string]string{routineEvents: catalog.Routines, replicationEvents: catalog.Replications, syncEvents: catalog.Jobs}

// follow says when a part of a page is out of date. The browser then asks for that part alone: for its address, with the id of its element in the
// header HX-Target, as htmx names what an answer is for. See follow in own/app.js.
type follow struct {
	at     string   // the address
	events []string // kinds of events after which it is out of date
	// objects and endpoints leave the events of these alone. All parts of a page name the same, as they share a stream.
	objects, endpoints []string
	pause              time.Duration // passes at least between two times of asking
	every              time.Duration // it ages, and is asked for that often without any event
}

// live are the attributes of the element of a part.
func (f follow) live() templ.Attributes {
	all := templ.Attributes{"data-live": strings.Join(f.events, " "), "data-live-url": f.at}
	for name, values := range map[string][]string{"data-live-object": f.objects, "data-live-endpoint": f.endpoints} {
		if values != nil {
			all[name] = strings.Join(values, " ")
		}
	}
	for name, d := range map[string]time.Duration{"data-live-pause": f.pause, "data-live-every": f.every} {
		if d > 0 {
			all[name] = strconv.Itoa(int(d.Seconds()))
		}
	}
	return all
}

// part is the id of the element that a script asks for alone, "" for a whole page.
func (p *page) part() string { return p.http.Header.Get("HX-Target") }

// events is where pages hear of changes; "" if who looks may not view anything that events are about, as the stream is refused to them.
func (p *page) events() string {
	if p.who == nil {
		return ""
	}
	for _, name := range eventResources {
		if p.sees(name) {
			return eventsPath
		}
	}
	return ""
}
