package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// formField is one control of a form.
type formField struct {
	name, label, help string
	kind              string // see control in form.templ
	custom            bool   // it is a custom field
	group             string // a title above it
	required          bool
	null              bool
	value             string   // of what holds one
	values            []string // of what holds many
	options           []resource.Option
	from              string // path of the list to pick from
	max               int    // characters
	kept              bool   // a secret stays as it is if nothing is given
	removable         bool   // a secret that may be taken away
	numbers           bool   // items that look like numbers are numbers
}

// input is the name of the control.
func (c *formField) input() string {
	if c.custom {
		return "cf_" + c.name
	}
	return c.name
}

// many says that a control holds several values.
func (c *formField) many() bool {
	return slices.Contains([]string{"picks", "choices", "actions", "types"}, c.kind)
}

// settled are fields that the API refuses to change once an object is there.
var settled = map[string]bool{"tokens.version": true, "tokens.token": true, "custom-fields.type": true}

// fieldsFor are the controls of a form, without values: of a new object, or of one that there is.
func (p *page) fieldsFor(ctx context.Context, r *resource.Resource, isNew bool) ([]formField, error) {
	var out []formField
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ReadOnly || f.Expr != "" || f.Name == "custom_fields" || !isNew && (f.Fixed || settled[r.Name+"."+f.Name]) {
			continue
		}
		c := p.controlOf(r, f)
		if c.from == "" && (c.kind == "pick" || c.kind == "picks") { // who may not see what to pick leaves it as it is
			continue
		}
		c.kept = c.kind == "secret" && !isNew
		c.removable = c.kept && f.Blank
		c.required = f.Required && (isNew || c.kind != "secret")
		out = append(out, c)
	}
	arrange(viewOf(r), out)
	custom, err := p.Store.CustomFields(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("read custom fields for a form: %w", err)
	}
	for i := range custom {
		if custom[i].Editable == "yes" {
			out = append(out, customControl(&custom[i]))
		}
	}
	return out, nil
}

// arrange puts controls under the titles that the page of an object has, if it has several.
func arrange(v view, fields []formField) {
	if len(v.groups) < 2 {
		return
	}
	place := map[string]int{}
	for _, g := range v.groups {
		for _, name := range g.fields {
			if place[name] == 0 {
				place[name] = len(place) + 1
			}
			for i := range fields {
				if fields[i].name == name {
					fields[i].group = g.title
				}
			}
		}
	}
	rank := func(c formField) int {
		if n := place[c.name]; n > 0 {
			return n
		}
		return len(place) + 1
	}
	slices.SortStableFunc(fields, func(a, b formField) int { return rank(a) - rank(b) })
}

func (p *page) controlOf(r *resource.Resource, f *resource.Field) formField {
	c := formField{name: f.Name, label: label(r, f.Name), help: f.Help, null: f.Null, kind: "text"}
	switch k := f.Kind.(type) {
	case resource.Boolean:
		c.kind = "boolean"
	case resource.Choice:
		c.kind, c.options, c.null = "choice", k.Choices, f.Null || f.Blank
	case resource.Reference:
		c.kind, c.from = "pick", p.pathTo(k.To)
	case resource.References:
		c.kind, c.from = "picks", p.pathTo(k.To)
	case resource.Tags:
		c.kind, c.from = "picks", p.pathTo("tags")
	case resource.ObjectTypes:
		c.kind, c.options = "types", p.typeOptions(r)
	case resource.ObjectType:
		c.kind, c.options = "choice", p.typeOptions(r)
	case resource.TextItems:
		c.kind, c.options = "actions", flagOptions(k)
	case resource.Pairs:
		c.kind, c.help = "pairs", "One choice per line: its value, and after a colon its label if that differs. A colon of the value itself is written \\:"
	case resource.Networks:
		c.kind, c.help = "items", sentences(f.Help, "One per line.")
	case resource.Color:
		c.kind = "colour"
	case resource.Integer, resource.Float:
		c.kind = "number"
	case resource.DateTime:
		c.kind = "moment"
	case resource.JSON:
		c = jsonControl(c, k)
	case resource.Text:
		c.kind = "area"
	case resource.Char:
		c.max = k.Max
	}
	if r.Name == "tokens" && f.Name == "version" {
		c.kind, c.options, c.null = "choice", []resource.Option{{Value: "2", Label: "v2"}, {Value: "1", Label: "v1 (legacy)"}}, false
	}
	if _, once := f.Kind.(resource.OneTime); once || f.WriteOnly {
		c.kind = "secret"
	}
	if hint := hints[r.Name+"."+f.Name]; hint != "" {
		c.help = hint
	}
	if c.help != "" && strings.HasSuffix(c.label, "("+c.help+")") { // the label says it
		c.help = ""
	}
	return c
}

// hints say of fields how to fill them in, where the API need not.
var hints = map[string]string{
	"custom-fields.default":   `As JSON: a text in quotation marks, such as "ops".`,
	"custom-fields.name":      "How the API calls it.",
	"permissions.constraints": `As JSON: {"endpoint__name": "prod"} for the objects for which all of this holds; a list of such for those for which any holds; empty for all objects.`,
	"permissions.actions":     "Further actions stand beside each other, such as grant (make tokens for others).",
	"tokens.token":            "Usually empty: a secret is made, and shown once.",
}

// jsonControl is a control for JSON: that of lists is one for their items.
func jsonControl(c formField, k resource.JSON) formField {
	if c.kind = "json"; k.Form != resource.ListJSON {
		return c
	}
	if k.Of != nil && len(k.Of.Enum) > 0 {
		c.kind = "choices"
		for _, v := range k.Of.Enum {
			c.options = append(c.options, resource.Option{Value: fmt.Sprint(v), Label: words(fmt.Sprint(v))})
		}
		return c
	}
	c.kind, c.numbers, c.help = "items", true, sentences(c.help, "One per line.")
	return c
}

// flagOptions are the texts that a list usually has.
func flagOptions(k resource.TextItems) []resource.Option {
	var out []resource.Option
	for _, usual := range []resource.Action{resource.View, resource.Add, resource.Change, resource.Delete} {
		for _, text := range k.Flags {
			if text == string(usual) {
				out = append(out, resource.Option{Value: text, Label: words(text)})
			}
		}
	}
	return out
}

// typeOptions are the types of objects that objects of r can be about.
func (p *page) typeOptions(r *resource.Resource) []resource.Option {
	only := p.Store.Set.CustomTypes()
	var out []resource.Option
	for _, to := range p.Store.Set.All {
		takes := to.Type != 0
		switch {
		case r.Defines:
			takes = slices.Contains(only, to.Type.String())
		case r.Type == change.JournalEntry:
			takes = journaled(to)
		case r.Type == change.Tag:
			takes = to.Tagged()
		}
		if takes {
			out = append(out, resource.Option{Value: to.Type.String(), Label: viewOf(to).one})
		}
	}
	return out
}

// customControl is the control of a custom field.
func customControl(f *resource.CustomField) formField {
	c := formField{name: f.Name, label: customLabel(f), help: f.Help, custom: true, group: f.Group, required: f.Required, null: true, options: f.Choices}
	switch f.Type {
	case resource.CustomLongText:
		c.kind = "area"
	case resource.CustomInteger, resource.CustomDecimal:
		c.kind, c.numbers = "number", true
		c.help = sentences(c.help, boundsText(f))
	case resource.CustomBoolean:
		c.kind = "boolean"
	case resource.CustomDate:
		c.kind = "date"
	case resource.CustomDateTime:
		c.kind = "moment"
	case resource.CustomURL:
		c.kind = "url"
	case resource.CustomJSON:
		c.kind = "json"
	case resource.CustomSelect:
		c.kind = "choice"
	case resource.CustomMultiSelect:
		c.kind = "choices"
	default:
		c.kind = "text"
	}
	return c
}

func customLabel(f *resource.CustomField) string {
	if f.Label != "" {
		return f.Label
	}
	return words(f.Name)
}

// sentences puts two hints together.
func sentences(first, second string) string {
	if first != "" && second != "" && !strings.HasSuffix(first, ".") {
		first += "."
	}
	return strings.TrimSpace(first + " " + second)
}

// boundsText says between what numbers must be.
func boundsText(f *resource.CustomField) string {
	switch {
	case f.Min != nil && f.Max != nil:
		return fmt.Sprintf("Between %v and %v.", *f.Min, *f.Max)
	case f.Min != nil:
		return fmt.Sprintf("At least %v.", *f.Min)
	case f.Max != nil:
		return fmt.Sprintf("At most %v.", *f.Max)
	}
	return ""
}

// formFields are the controls of a form with values: those of the object, those that were given (by a form that was sent, or by the address), or the
// defaults of a new object.
func (p *page) formFields(ctx context.Context, r *resource.Resource, o object, given url.Values, isNew bool) ([]formField, error) {
	fields, err := p.fieldsFor(ctx, r, isNew)
	if err != nil {
		return nil, err
	}
	var defaults object
	if o == nil && isNew {
		if defaults, err = p.defaults(ctx, r); err != nil {
			return nil, err
		}
	}
	for i := range fields {
		c := &fields[i]
		switch {
		case given.Has(c.input()):
			c.take(given)
		case o != nil:
			c.fill(c.of(o))
		case defaults != nil:
			c.fill(c.of(defaults))
		}
	}
	return fields, nil
}

// defaults is a new object as the API would make it if nothing were said.
func (p *page) defaults(ctx context.Context, r *resource.Resource) (object, error) {
	o, custom := object{}, map[string]any{}
	for i := range r.Fields {
		f := &r.Fields[i]
		switch _, boolean := f.Kind.(resource.Boolean); {
		case f.Default != nil:
			o[f.Name] = f.Default
		case boolean && !f.Null:
			o[f.Name] = false
		}
	}
	fields, err := p.Store.CustomFields(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("read the defaults of custom fields: %w", err)
	}
	for i := range fields {
		custom[fields[i].Name] = fields[i].DefaultValue()
	}
	o["custom_fields"] = custom
	return o, nil
}

// of is the value of the field in an object.
func (c *formField) of(o object) any {
	if c.custom {
		return o.sub("custom_fields")[c.name]
	}
	return o[c.name]
}

// offered are the options of a control, with values that are set but no longer offered.
func (c *formField) offered() []resource.Option {
	out := slices.Clone(c.options)
	for _, v := range append([]string{c.value}, c.values...) {
		if v != "" && !slices.ContainsFunc(out, func(o resource.Option) bool { return o.Value == v }) {
			out = append(out, resource.Option{Value: v, Label: v})
		}
	}
	return out
}
