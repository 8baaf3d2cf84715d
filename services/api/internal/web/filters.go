package web

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// filterControl is one filter of a list as a part of a form.
type filterControl struct {
	label, kind string // text, number, time, date, boolean, choice, pick
	param       string // the name without the lookup
	lookups     []lookup
	lookup      string // the one that is set
	values      []string
	options     []resource.Option
	from        string // path of the list to pick from
	by          string // the field of what is picked that the filter takes
	wrong       []string
}

// lookup is one way to compare.
type lookup struct{ suffix, label string }

// filterChip is a filter that is set.
type filterChip struct {
	text   string
	param  string
	from   string // path of the list whose objects are meant, "" if none are
	by     string // the field that values are of
	values string // those that are meant, with commas between
}

var (
	textLookups = []lookup{
		{"__ic", "contains"},
		{"", "is"},
		{"__n", "is not"},
		{"__nic", "contains not"},
		{"__isw", "starts with"},
		{"__nisw", "starts not with"},
		{"__iew", "ends with"},
		{"__niew", "ends not with"},
		{"__ie", "is (any case)"},
		{"__nie", "is not (any case)"},
		{"__regex", "matches"},
		{"__iregex", "matches (any case)"},
		{"__empty", "is empty"},
	}
	numberLookups = []lookup{{"", "is"}, {"__n", "is not"}, {"__gte", "at least"}, {"__lte", "at most"}, {"__gt", "more than"}, {"__lt", "less than"}, {"__empty", "is empty"}}
	timeLookups   = []lookup{{"__gte", "from"}, {"__lte", "until"}, {"__gt", "after"}, {"__lt", "before"}, {"", "is"}, {"__empty", "is empty"}}
	pickLookups   = []lookup{{"", "any of"}, {"__n", "none of"}}
)

// filterControls are the filters of a resource, without those by custom fields.
func (p *page) filterControls(r *resource.Resource) (controls []filterControl) {
	add := func(c filterControl) {
		if c, some := c.with(r.Filtered); some {
			controls = append(controls, c)
		}
	}
	for _, fields := range [][]resource.Field{r.Fields, r.More} {
		for i := range fields {
			f := &fields[i]
			c := filterControl{label: label(r, f.Name), param: f.Name}
			switch k := f.Kind.(type) {
			case resource.Boolean:
				c.kind = "boolean"
			case resource.Choice:
				c.kind, c.options, c.lookups = "choice", k.Choices, pickLookups
			case resource.Reference:
				c.kind, c.param, c.from, c.by, c.lookups = "pick", f.Name+"_id", p.pathTo(k.To), "id", pickLookups
			case resource.Owner:
				c.kind, c.param, c.from, c.by, c.lookups = "pick", f.Name+"_id", p.pathTo(k.To), "id", pickLookups
			case resource.References:
				c.kind, c.param, c.from, c.by, c.lookups = "pick", k.Filter+"_id", p.pathTo(k.To), "id", pickLookups
			case resource.Tags:
				c.kind, c.param, c.label, c.from, c.by, c.lookups = "pick", "tag", "Tags", p.pathTo("tags"), "slug", []lookup{{"", "all of"}, {"__n", "none of"}, {"__any", "any of"}}
			case resource.Finder:
				c.kind, c.lookups = "number", numberLookups
				if k.Words != nil {
					c.kind, c.options, c.lookups = "choice", wordOptions(k.Words), pickLookups
				} else if f.Name == "proxmox_endpoint_id" {
					c.kind, c.label, c.from, c.by, c.lookups = "pick", "Endpoint", p.pathTo(catalog.Endpoints), "id", pickLookups
				}
			case resource.Integer, resource.Float:
				c.kind, c.lookups = "number", numberLookups
			case resource.DateTime:
				c.kind, c.lookups = "time", timeLookups
			default:
				c.kind, c.lookups = "text", textLookups
			}
			if c.kind == "pick" && c.from == "" {
				continue
			}
			add(c)
		}
	}
	return controls
}

// with keeps the lookups that a list knows, the first of which is set, and says whether there is any.
func (c filterControl) with(filters func(param string) bool) (filterControl, bool) {
	if c.lookups == nil {
		c.lookups = []lookup{{}}
	}
	c.lookups = slices.DeleteFunc(slices.Clone(c.lookups), func(l lookup) bool { return !filters(c.param + l.suffix) })
	if len(c.lookups) == 0 {
		return c, false
	}
	c.lookup = c.lookups[0].suffix
	return c, true
}

// customControls are the filters of a resource by custom fields. Hidden ones have none. It costs a statement.
func (p *page) customControls(ctx context.Context, r *resource.Resource) (controls []filterControl, err error) {
	fields, err := p.Store.CustomFields(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("read custom fields for the filters of a list: %w", err)
	}
	for i := range fields {
		f := &fields[i]
		filters := f.Filters(r)
		if c, some := customFilter(f).with(func(param string) bool { return filters[param] }); some && f.Visible != "hidden" {
			controls = append(controls, c)
		}
	}
	return controls, nil
}

// customFilter is a filter by a custom field.
func customFilter(f *resource.CustomField) filterControl {
	c := filterControl{label: visible(customLabel(f)), param: customPrefix + f.Name, options: f.Choices}
	switch f.Type {
	case resource.CustomBoolean:
		c.kind = "boolean"
	case resource.CustomInteger, resource.CustomDecimal:
		c.kind, c.lookups = "number", numberLookups
	case resource.CustomDate:
		c.kind, c.lookups = "date", timeLookups
	case resource.CustomDateTime:
		c.kind, c.lookups = "time", timeLookups
	case resource.CustomSelect:
		c.kind, c.lookups = "choice", pickLookups
	case resource.CustomMultiSelect:
		c.kind, c.lookups = "choice", []lookup{{"", "any of"}}
	default:
		c.kind, c.lookups = "text", textLookups
		if f.Logic != "exact" {
			c.lookups = []lookup{{"", "contains"}}
		}
	}
	return c
}

// asksCustom says whether an address filters by custom fields.
func asksCustom(params url.Values) bool {
	for name := range params {
		if isCustom(name) {
			return true
		}
	}
	return false
}

// spread makes many values of what a picker without scripts sends as one.
func spread(controls []filterControl, set url.Values) {
	for _, c := range controls {
		for _, l := range c.lookups {
			if values := set[c.param+l.suffix]; c.kind == "pick" && len(values) > 0 {
				set[c.param+l.suffix] = strings.FieldsFunc(strings.Join(values, ","), separates)
			}
		}
	}
}

// fill puts into controls what is set and what is wrong with it, and returns the chips of what is set.
func fill(controls []filterControl, set url.Values, wrong map[string][]string) (chips []filterChip) {
	if q := set.Get("q"); q != "" {
		chips = append(chips, filterChip{text: "Search: " + q, param: "q"})
	}
	for i := range controls {
		c := &controls[i]
		for _, l := range c.lookups {
			if values := set[c.param+l.suffix]; len(values) > 0 {
				c.lookup, c.values = l.suffix, values
				chip := filterChip{text: c.asks(l), param: c.param + l.suffix}
				if c.kind == "pick" {
					chip.from, chip.by, chip.values = c.from, c.by, strings.Join(values, ",")
				} else {
					chip.text += " " + c.said(l, values)
				}
				chips = append(chips, chip)
			}
			c.wrong = append(c.wrong, wrong[c.param+l.suffix]...)
		}
	}
	return chips
}

// asks is what is asked of what a filter names. What is so unless it is said otherwise is left to a colon.
func (c *filterControl) asks(l lookup) string {
	switch {
	case l.label == "" || l == pickLookups[0]:
		return c.label + ":"
	case l.suffix == "__empty":
		return c.label + " " + l.label + ":"
	}
	return c.label + " " + l.label
}

// said are values of a filter for people.
func (c *filterControl) said(l lookup, values []string) string {
	shown := slices.Clone(values)
	for i, v := range values {
		if j := slices.IndexFunc(c.options, func(o resource.Option) bool { return o.Value == v }); j >= 0 {
			shown[i] = c.options[j].Label
		} else if c.kind == "boolean" || l.suffix == "__empty" {
			shown[i] = yesOrNo(v)
		}
	}
	return strings.Join(shown, ", ")
}

// yesOrNo is a truth of an address for people.
func yesOrNo(v string) string {
	switch strings.ToLower(v) {
	case "true":
		return "Yes"
	case "false":
		return "No"
	}
	return v
}

// wordOptions are the words that a filter knows.
func wordOptions(known map[string]string) (options []resource.Option) {
	for _, word := range slices.Sorted(maps.Keys(known)) {
		options = append(options, resource.Option{Value: word, Label: words(word)})
	}
	return options
}

// pathTo is where the API has a resource, without slashes; "" if who looks may not see it.
func (p *page) pathTo(name string) string {
	r := p.Store.Set.Get(name)
	if r == nil || !p.may(r, resource.View) {
		return ""
	}
	return r.Path
}
