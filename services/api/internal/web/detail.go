package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// tab is a part of the pages of an object, at an address of its own.
type tab struct{ title, path string }

// sheet is the page of one object.
type sheet struct {
	r       *resource.Resource
	view    view
	o       object
	tabs    []tab
	current string // path of the tab that is shown
	mayEdit bool
	mayCut  bool
	custom  []resource.CustomField
	beside  []templ.Component // further cards in the narrow column
}

// panels are further parts of the page of an object, by resource.
var panels = map[string]func(ctx context.Context, p *page, s *sheet) ([]templ.Component, error){
	catalog.Routines:     comingPanel(occurrence.Routine),
	catalog.Replications: comingPanel(occurrence.Replication),
}

// pieces are parts of the page of an object that are read by themselves when a script asks for one, by resource and id.
var pieces = map[string]map[string]func(ctx context.Context, p *page, s *sheet) (templ.Component, error){
	catalog.Endpoints: endpointPieces,
}

// leads are parts that come before all others, by resource.
var leads = map[string]func(ctx context.Context, p *page, s *sheet) ([]templ.Component, error){
	catalog.Endpoints:    endpointLeads,
	catalog.Routines:     inertLead,
	catalog.Replications: inertLead,
}

// buttons are further actions on the page of an object, by resource.
var buttons = map[string]func(p *page, s *sheet) templ.Component{
	catalog.Endpoints:     endpointButtons,
	catalog.SyncSchedules: scheduleButtons,
	catalog.Routines:      syncOfObject("backup-routines"),
	catalog.Replications:  syncOfObject("replications"),
}

// moreTabs are further tabs of the pages of an object, by resource. Their pages are named in routes.
var moreTabs = map[string][]tab{
	"virtual-machines": {{"Proxbox", "proxbox/"}},
}

func (p *page) sheet(r *resource.Resource, o object, current string) *sheet {
	s := &sheet{r: r, view: viewOf(r), o: o, current: current, mayEdit: p.may(r, resource.Change), mayCut: p.may(r, resource.Delete)}
	s.tabs = append([]tab{{s.view.one, ""}}, moreTabs[r.Name]...)
	if entries := p.Store.Set.Get("journal-entries"); journaled(r) && (p.may(entries, resource.View) || p.may(entries, resource.Add)) {
		s.tabs = append(s.tabs, tab{"Journal", "journal/"})
	}
	if !r.ReadOnly && p.sees("object-changes") {
		s.tabs = append(s.tabs, tab{"Changelog", "changelog/"})
	}
	return s
}

// objectPart is the part of the page of an object that follows what becomes of it.
const objectPart = "object"

// follows says when the page is out of date: after events of the object, or of the jobs that a schedule begins. Other objects have no events.
func (s *sheet) follows() templ.Attributes {
	switch {
	case s.r.Name == catalog.SyncSchedules:
		return follow{at: s.base(), events: []string{syncEvents}, pause: 5 * time.Second}.live()
	case s.r.Job != nil:
		return follow{at: s.base(), events: []string{s.view.events}, objects: []string{s.o.id()}}.live()
	}
	return nil
}

// base is the address of the object's page.
func (s *sheet) base() string { return pathOf(s.r) + s.o.id() + "/" }

// central says that a group is a card in the middle of the page.
func (g group) central() bool { return !g.wide && !g.side && !g.forms }

// single says that there is but one card in the middle of the page.
func (s *sheet) single() bool {
	n := 0
	for _, g := range s.view.groups {
		if g.central() {
			n++
		}
	}
	return n == 1
}

// ifSet are fields that pages of objects leave out unless they are set.
var ifSet = []string{"exclude", "pool", "stale_since"}

// rows are the fields of a group that the page shows.
func (s *sheet) rows(g group) []string {
	var out []string
	for _, name := range g.fields {
		f := s.r.Field(name)
		optional := f == nil || g.otherwise != "" || slices.Contains(ifSet, name)
		if (f == nil || !f.WriteOnly) && (!optional || !empty(s.o[name])) {
			out = append(out, name)
		}
	}
	return out
}

// journaled says whether objects of a resource have a journal.
func journaled(r *resource.Resource) bool {
	return r.Tagged() && r.Field("custom_fields") != nil && r.Type != change.JournalEntry
}

func (w *Web) detail(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		s := p.sheet(r, o, "")
		if read := pieces[r.Name][p.part()]; read != nil {
			piece, err := read(ctx, p, s)
			return answer{body: piece, bare: true}, err
		}
		if more := enrich[r.Name]; more != nil {
			if err := more(ctx, p, []object{o}); err != nil {
				return answer{}, err
			}
		}
		if s.custom, err = w.Store.CustomFields(ctx, r); err != nil {
			return answer{}, fmt.Errorf("read custom fields for a page: %w", err)
		}
		var lead, more []templ.Component
		if begin := leads[r.Name]; begin != nil {
			if lead, err = begin(ctx, p, s); err != nil {
				return answer{}, err
			}
		}
		if add := panels[r.Name]; add != nil {
			if more, err = add(ctx, p, s); err != nil {
				return answer{}, err
			}
		}
		if find := related[r.Name]; find != nil {
			refers, err := find(ctx, p, s)
			if err != nil {
				return answer{}, err
			}
			more = append(more, refers...)
		}
		if p.part() == objectPart {
			return answer{body: objectParts(p, s, lead, more), bare: true}, nil
		}
		return answer{title: s.o.name(), body: detailPage(p, s, lead, more)}, nil
	}
}

// changelog shows the changes of one object.
func (w *Web) changelog(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		s := p.sheet(r, o, "changelog/")
		l, err := p.tabList(ctx, s, "object-changes", url.Values{"changed_object_type": {r.Type.String()}, "changed_object_id": {o.id()}})
		if err != nil {
			return answer{}, err
		}
		return answer{title: "Changelog of " + o.name(), body: changelogPage(p, s, l)}, nil
	}
}

// read reads a page of a list with the rights of who looks.
func (p *page) read(ctx context.Context, name string, query url.Values, fields ...string) (object, error) {
	body, err := p.Store.List(ctx, p.Store.Set.Get(name), p.actor(), p.at(), query, resource.Selection{Fields: fields})
	if err != nil {
		return nil, fmt.Errorf("list %s for a page: %w", name, err)
	}
	return decode(body)
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
