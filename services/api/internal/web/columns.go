package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// customPrefix begins the names of columns that show a custom field, as it does those of filters.
const customPrefix = "cf_"

// column is one column of a list.
type column struct {
	name   string // of a field, of what is derived from some, or of a custom field after its prefix
	label  string
	help   string
	custom *resource.CustomField // nil if it is none
}

// columnNames are the names of all columns that lists of a resource may have, without those of custom fields.
func columnNames(r *resource.Resource) []string {
	names := slices.DeleteFunc(shownFields(r), func(name string) bool { return name == "custom_fields" })
	return append(names, derived[r.Name]...)
}

// columnsOf are the columns that who looks has chosen, or those of the view. Custom fields are looked up only if some are chosen.
func (p *page) columnsOf(ctx context.Context, r *resource.Resource, v view) ([]column, error) {
	known, err := p.knownColumns(ctx, r, slices.ContainsFunc(p.prefs.Columns[r.Name], isCustom))
	if err != nil {
		return nil, err
	}
	chosen := pick(known, p.prefs.Columns[r.Name])
	if chosen == nil {
		chosen = pick(known, v.columns)
	}
	return chosen, nil
}

func isCustom(name string) bool { return strings.HasPrefix(name, customPrefix) }

// knownColumns are all columns that lists of a resource may have, with those of custom fields if they are asked for. Hidden ones are none.
func (p *page) knownColumns(ctx context.Context, r *resource.Resource, custom bool) ([]column, error) {
	var out []column
	for _, name := range columnNames(r) {
		out = append(out, column{name: name, label: label(r, name)})
	}
	if !custom {
		return out, nil
	}
	fields, err := p.Store.CustomFields(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("read custom fields for the columns of a list: %w", err)
	}
	for i := range fields {
		if f := &fields[i]; f.Visible != "hidden" {
			out = append(out, column{name: customPrefix + f.Name, label: visible(customLabel(f)), help: visible(f.Help), custom: f})
		}
	}
	return out, nil
}

// pick returns the columns of these names in the order of the names, each once.
func pick(known []column, names []string) []column {
	var out []column
	for _, name := range names {
		same := func(c column) bool { return c.name == name }
		if i := slices.IndexFunc(known, same); i >= 0 && !slices.ContainsFunc(out, same) {
			out = append(out, known[i])
		}
	}
	return out
}

// measured says whether the column is of numbers that are more or less than others.
func (c column) measured(r *resource.Resource) bool {
	if c.custom != nil {
		return c.custom.Type == resource.CustomInteger || c.custom.Type == resource.CustomDecimal
	}
	return measured(r, c.name)
}

// timed says whether the column is of times, which are shown in the zone of who looks.
func (c column) timed(r *resource.Resource) bool {
	if c.custom != nil {
		return c.custom.Type == resource.CustomDateTime
	}
	f := r.Field(c.name)
	if f == nil {
		return false
	}
	_, ok := f.Kind.(resource.DateTime)
	return ok
}

// flexible says whether the column may be long and matters less than others: it takes the room that they leave.
func (c column) flexible(r *resource.Resource) bool {
	if c.custom != nil {
		return slices.Contains([]string{resource.CustomText, resource.CustomLongText, resource.CustomURL, resource.CustomJSON, resource.CustomMultiSelect}, c.custom.Type)
	}
	if f := r.Field(c.name); f != nil && c.name != "sync_state" { // badges, which are of use only whole
		switch f.Kind.(type) {
		case resource.Text, resource.JSON, resource.Tags, resource.References, resource.ObjectTypes, resource.TextItems, resource.Networks, resource.Pairs:
			return true
		}
	}
	return slices.Contains([]string{"description", "message", "error", "counts"}, c.name)
}

// text is what the column says of an object where nothing but text can be.
func (c column) text(o object) string {
	if c.custom == nil {
		return plain(o[c.name])
	}
	return customText(c.custom, o.sub("custom_fields")[c.custom.Name])
}

// chooser is the form in which a person chooses the columns of a list.
type chooser struct {
	r      *resource.Resource
	view   view
	shown  []column
	others []column
	size   int
	back   string
}

// chooserOf is where the columns of a list are chosen, and where it leads back to. The size of pages is that of the person from then on, whatever the
// address of the list says.
func (l *listing) chooserOf() string {
	return "/preferences/" + l.r.Name + "/?" + url.Values{"next": {l.with("limit", "")}, "limit": {strconv.Itoa(l.limit)}}.Encode()
}

// columns shows what columns a list may have: as a page, or as a menu of the list.
func (w *Web) columns(ctx context.Context, p *page) (answer, error) {
	r := w.Store.Set.Get(p.http.PathValue("resource"))
	if r == nil {
		return answer{}, errNoPage
	}
	if !p.may(r, resource.View) {
		return answer{}, resource.ErrForbidden
	}
	c := &chooser{r: r, view: viewOf(r), size: p.limit(p.http.URL.Query()), back: next(p.http)}
	var err error
	if c.shown, err = p.columnsOf(ctx, r, c.view); err != nil {
		return answer{}, err
	}
	if c.others, err = p.knownColumns(ctx, r, true); err != nil {
		return answer{}, err
	}
	c.others = slices.DeleteFunc(c.others, func(other column) bool {
		return slices.ContainsFunc(c.shown, func(shown column) bool { return shown.name == other.name })
	})
	if p.partial() {
		return answer{body: columnChooser(c), bare: true}, nil
	}
	return answer{title: "Columns of " + c.view.title, body: columnsPage(c)}, nil
}

// setPreferences saves the columns and the size of the pages of a list.
func (w *Web) setPreferences(ctx context.Context, p *page) (answer, error) {
	r := w.Store.Set.Get(p.http.PathValue("resource"))
	if r == nil {
		return answer{}, errNoPage
	}
	if !p.may(r, resource.View) {
		return answer{}, resource.ErrForbidden
	}
	if p.prefs.Columns == nil {
		p.prefs.Columns = map[string][]string{}
	}
	if p.http.PostForm.Has("reset") {
		delete(p.prefs.Columns, r.Name)
	} else if chosen := p.http.PostForm["columns"]; len(chosen) > 0 {
		known, err := p.knownColumns(ctx, r, slices.ContainsFunc(chosen, isCustom))
		if err != nil {
			return answer{}, err
		}
		var names []string
		for _, c := range pick(known, chosen) {
			names = append(names, c.name)
		}
		p.prefs.Columns[r.Name] = names
	}
	if n, err := strconv.Atoi(p.http.PostFormValue("page_size")); err == nil && slices.Contains(pageSizes, n) {
		p.prefs.PageSize = n
	}
	return answer{to: next(p.http)}, p.savePreferences(ctx)
}
