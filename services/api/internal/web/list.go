package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// listing is a page of a list.
type listing struct {
	r        *resource.Resource
	view     view
	columns  []column
	params   url.Values
	tab      string // that is open first
	rows     []object
	count    int
	offset   int
	limit    int
	order    map[string]bool // columns that can be sorted by
	filters  []filterControl
	active   []filterChip
	wrong    map[string][]string // by filter
	mayAdd   bool
	mayEdit  bool
	mayErase bool
}

// pageSizes are what a person may choose from.
var pageSizes = []int{25, 50, 100, 250, 500}

// The parts of a list that scripts ask for alone, by the ids of their elements.
const (
	resultsPart = "results"
	filtersPart = "panel-filters"
)

func (w *Web) list(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		params := p.http.URL.Query()
		if params.Has("export") {
			return p.export(ctx, r, params)
		}
		if p.part() == filtersPart {
			if !p.may(r, resource.View) {
				return answer{}, resource.ErrForbidden
			}
			l, err := p.filtersOf(ctx, r, params)
			return answer{body: filterForm(p, l), bare: true}, err
		}
		l, err := p.list(ctx, r, params)
		if err != nil {
			return answer{}, err
		}
		if p.part() == resultsPart { // more of the same list
			return answer{body: templ.Join(results(p, l), resultCount(l)), bare: true}, nil
		}
		return answer{title: l.view.title, body: listPage(p, l)}, nil
	}
}

// filtersOf are the filters of a list as its address says, without its rows.
func (p *page) filtersOf(ctx context.Context, r *resource.Resource, params url.Values) (*listing, error) {
	l := &listing{r: r, view: viewOf(r), params: askedOf(params)}
	return l, p.readFilters(ctx, l, true)
}

// readFilters finds the filters of a list, those by custom fields too if they are asked for, and puts what is set into them.
func (p *page) readFilters(ctx context.Context, l *listing, custom bool) error {
	l.filters = p.filterControls(l.r)
	spread(l.filters, l.params)
	if custom {
		more, err := p.customControls(ctx, l.r)
		if err != nil {
			return err
		}
		l.filters = append(l.filters, more...)
	}
	l.active = fill(l.filters, l.params, l.wrong)
	return nil
}

// list reads a page of a list as its address says. A filter that cannot be is no error of the page: the form says what is wrong with it.
func (p *page) list(ctx context.Context, r *resource.Resource, params url.Values) (*listing, error) {
	l := &listing{
		r: r, view: viewOf(r), tab: params.Get("tab"), order: map[string]bool{},
		mayAdd: p.may(r, resource.Add), mayEdit: p.may(r, resource.Change), mayErase: p.may(r, resource.Delete),
	}
	var err error
	if l.columns, err = p.columnsOf(ctx, r, l.view); err != nil {
		return nil, err
	}
	for _, name := range r.OrderNames() {
		l.order[name] = true
	}
	l.params = askedOf(params)
	if asked := l.tab == "filters"; asked || len(l.params) > 0 { // else none is set, and none is shown
		if err := p.readFilters(ctx, l, asked || asksCustom(l.params)); err != nil {
			return nil, err
		}
	}
	l.limit = p.limit(params)
	query := cloneValues(l.params)
	query.Set("limit", strconv.Itoa(l.limit))
	need := []string{"id", "url", "display"}
	for _, c := range l.columns {
		if c.custom != nil {
			need = append(need, "custom_fields")
			continue
		}
		need = append(append(append(need, c.name), needs[c.name]...), needs[r.Name+"."+c.name]...)
	}
	body, err := p.Store.List(ctx, r, p.actor(), p.at(), query, resource.Selection{Fields: need})
	if wrong, ok := errors.AsType[resource.Errors](err); ok {
		l.wrong = messages(wrong)
		if err := p.readFilters(ctx, l, true); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.Name, err)
	} else {
		found, err := decode(body)
		if err != nil {
			return nil, err
		}
		l.rows, l.count = found.list("results"), int(found.number("count"))
		if more := enrich[r.Name]; more != nil {
			if err := more(ctx, p, l.rows); err != nil {
				return nil, err
			}
		}
	}
	l.offset, _ = strconv.Atoi(params.Get("offset")) // what is no number is the beginning
	l.offset = max(0, l.offset)
	return l, nil
}

// needs are fields that the cells of columns look at besides their own, by the name of the column, or that of the resource and the column.
var needs = map[string][]string{
	"status": {"stale_since"}, "selection": {"selection_mode", "exclude", "pool"},
	"verify_ssl": {"fingerprints", "ca_certificate"}, "sync_state": {"enabled"}, "data_age": {"sync_status"},
	"jobs.duration": {"started", "completed"}, "sync-schedules.when": {"interval", "calendar", "first_run", "time_zone"},
	"backup-routines.status": {"endpoint", "last_seen"}, "replications.status": {"endpoint", "last_seen"},
	"backup-routines.schedule": {"endpoint"}, "replications.schedule": {"endpoint"},
	"object-changes.object_repr": {"changed_object", "changed_object_type", "changed_object_id", "action"},
}

// limit is the size of the page: what the address says, what the person likes, or the default.
func (p *page) limit(params url.Values) int {
	n, err := strconv.Atoi(params.Get("limit"))
	if err != nil || n < 1 {
		n = p.prefs.PageSize
	}
	if n < 1 {
		n = p.Store.Limits.Default
	}
	return max(1, min(n, max(p.Store.Limits.Max, 1)))
}

// follows says when the rows are out of date. Events come in bursts, as when a cluster is read that changed a lot.
func (l *listing) follows() templ.Attributes {
	if l.view.events == "" {
		return nil
	}
	return follow{at: l.with("offset", offsetText(l.offset)), events: []string{l.view.events}, pause: 2 * time.Second, every: l.view.every}.live()
}

// with is the address of the list with some parameters changed; an empty value takes one away. It begins at the first page unless it says otherwise.
func (l *listing) with(changes ...string) string {
	v := cloneValues(l.params)
	v.Del("offset")
	for change := range slices.Chunk(changes, 2) {
		if name, value := change[0], change[1]; value == "" {
			v.Del(name)
		} else {
			v.Set(name, value)
		}
	}
	if q := v.Encode(); q != "" {
		return pathOf(l.r) + "?" + q
	}
	return pathOf(l.r)
}

// sorted says how the list is sorted by a column: "ascending", "descending" or "none".
func (l *listing) sorted(column string) string {
	switch first, _, _ := strings.Cut(l.params.Get("ordering"), ","); first {
	case column:
		return "ascending"
	case "-" + column:
		return "descending"
	}
	return "none"
}

// sortBy is the address of the list sorted by a column: a second time the other way round, a third time as usual.
func (l *listing) sortBy(column string) string {
	switch l.sorted(column) {
	case "ascending":
		return l.with("ordering", "-"+column)
	case "descending":
		return l.with("ordering", "")
	}
	return l.with("ordering", column)
}

// maxFlexible is the number of flexible columns from which on they are alike.
const maxFlexible = 6

// flexible is how many columns share the room that the others leave.
func (l *listing) flexible() (n int) {
	for i, c := range l.columns {
		if i > 0 && c.flexible(l.r) {
			n++
		}
	}
	return min(n, maxFlexible)
}

func (l *listing) first() int { return min(l.offset+1, l.count) }
func (l *listing) last() int  { return min(l.offset+len(l.rows), l.count) }

// pages are the addresses of the pages around; "" where there is none.
func (l *listing) previous() string {
	if l.offset <= 0 {
		return ""
	}
	if to := l.offset - l.limit; to > 0 {
		return l.with("offset", strconv.Itoa(to))
	}
	return l.with()
}

func (l *listing) next() string {
	if l.offset+l.limit >= l.count {
		return ""
	}
	return l.with("offset", strconv.Itoa(l.offset+l.limit))
}

// csv is where the list is as CSV: as it is shown, or whole.
func (l *listing) csv(whole bool) string {
	v := cloneValues(l.params)
	v.Del("offset")
	v.Del("limit")
	v.Set("export", "csv")
	if !whole {
		v.Set("fields", strings.Join(exported(l.r, l.columns), ","))
	}
	return "/api/" + l.r.Path + "/?" + v.Encode()
}

// exported names the fields that columns show for a CSV. What is derived is there as what it comes from.
func exported(r *resource.Resource, columns []column) []string {
	var out []string
	for _, c := range columns {
		switch {
		case c.custom == nil && r.Field(c.name) == nil:
			out = append(out, needs[r.Name+"."+c.name]...)
		case c.name == "selection": // which its cell says in words
			out = append(append(out, c.name), needs[c.name]...)
		default:
			out = append(out, c.name)
		}
	}
	return out
}

// export sends to the list as CSV, whole or as "table", with the columns that are shown: NetBox has it at these addresses.
func (p *page) export(ctx context.Context, r *resource.Resource, params url.Values) (answer, error) {
	if !p.may(r, resource.View) {
		return answer{}, resource.ErrForbidden
	}
	l := &listing{r: r, params: askedOf(params)}
	switch params.Get("export") {
	case "", "csv":
		return answer{to: l.csv(true)}, nil
	case "table":
		var err error
		l.columns, err = p.columnsOf(ctx, r, viewOf(r))
		return answer{to: l.csv(false)}, err
	}
	return answer{}, errNoPage // NetBox looks for a template of that name
}

// askedOf are the parameters of a list that say something about it.
func askedOf(params url.Values) url.Values {
	asked := url.Values{}
	for name, values := range params {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 && name != "tab" {
			asked[name] = values
		}
	}
	return asked
}

func cloneValues(v url.Values) url.Values {
	out := make(url.Values, len(v))
	for name, values := range v {
		out[name] = slices.Clone(values)
	}
	return out
}
