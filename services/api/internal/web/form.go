package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// form is what a person fills in to make or change an object.
type form struct {
	r       *resource.Resource
	view    view
	o       object // as it is, or nil
	title   string
	fields  []formField
	wrong   map[string][]string
	message string // for the change log
}

// formField is one control of a form.
type formField struct {
	name, label, help string
	kind              string // text, area, number, boolean, choice, pick, time, json, secret, date
	required          bool
	null              bool
	value             string
	values            []string // of what holds many
	options           []resource.Option
	from              string // path of the list to pick from
	many              bool
	step              string
}

// meta is what the API says about a field when asked for OPTIONS.
type meta struct {
	Required bool   `json:"required"`
	ReadOnly bool   `json:"read_only"`
	Label    string `json:"label"`
	Help     string `json:"help_text"`
	Choices  []struct {
		Value string `json:"value"`
		Label string `json:"display_name"`
	} `json:"choices"`
}

// metas are what the API says about the fields that a request may set.
func metas(r *resource.Resource) map[string]meta {
	var all struct {
		Actions map[string]map[string]meta `json:"actions"`
	}
	_ = json.Unmarshal(r.Options(true, []string{"POST"}), &all) // it is our own
	return all.Actions["POST"]
}

func (w *Web) add(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if !p.may(r, resource.Add) {
			return answer{}, resource.ErrForbidden
		}
		f := &form{r: r, view: viewOf(r), title: "Add a " + strings.ToLower(viewOf(r).one)}
		if p.http.Method == "POST" {
			return p.submit(ctx, f, func(body map[string]any) (resource.Object, error) {
				return w.Store.Create(ctx, r, resource.Request{At: p.at(), Actor: p.actor(), Body: body})
			})
		}
		var from object
		if id := p.http.URL.Query().Get("clone"); id != "" {
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				return answer{}, errNoPage
			}
			found, err := w.Store.Get(ctx, r, p.actor(), p.at(), n, resource.Selection{})
			if err != nil {
				return answer{}, fmt.Errorf("read what is to be cloned: %w", err)
			}
			if from, err = decode(found.Body); err != nil {
				return answer{}, err
			}
		}
		f.fields = p.formFields(r, from, p.http.URL.Query())
		return answer{title: f.title, body: formPage(p, f)}, nil
	}
}

func (w *Web) edit(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if !p.may(r, resource.Change) {
			return answer{}, resource.ErrForbidden
		}
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		f := &form{r: r, view: viewOf(r), o: o, title: "Edit " + o.name()}
		if p.http.Method == "POST" {
			id, err := p.objectID()
			if err != nil {
				return answer{}, err
			}
			return p.submit(ctx, f, func(body map[string]any) (resource.Object, error) {
				return w.Store.Update(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: body, Partial: true})
			})
		}
		f.fields = p.formFields(r, o, nil)
		return answer{title: f.title, body: formPage(p, f)}, nil
	}
}

// submit saves what a person filled in. What is wrong with it is said beside the fields.
func (p *page) submit(_ context.Context, f *form, save func(map[string]any) (resource.Object, error)) (answer, error) {
	if err := p.http.ParseForm(); err != nil {
		return answer{}, badForm(err)
	}
	body, wrong := readForm(f.r, p.http.PostForm)
	if len(wrong) == 0 {
		made, err := save(body)
		invalid, refused := errors.AsType[resource.Errors](err)
		if err == nil {
			return answer{to: pathOf(f.r) + strconv.FormatInt(made.ID, 10) + "/"}, nil
		}
		if !refused {
			return answer{}, err
		}
		wrong = messages(invalid)
	}
	f.wrong = wrong
	f.fields = p.formFields(f.r, nil, p.http.PostForm)
	f.message = p.http.PostFormValue("changelog_message")
	return answer{status: 400, title: f.title, body: formPage(p, f)}, nil
}

// formFields are the controls for what a request may set. Values are those of the object, or what was given: the form that was sent, or the address.
func (p *page) formFields(r *resource.Resource, o object, given url.Values) []formField {
	about := metas(r)
	var out []formField
	for i := range r.Fields {
		f := &r.Fields[i]
		m := about[f.Name]
		if f.ReadOnly || m.ReadOnly || f.Name == "custom_fields" {
			continue
		}
		c := formField{name: f.Name, label: label(r, f.Name), help: f.Help, required: f.Required, null: f.Null, kind: "text"}
		switch k := f.Kind.(type) {
		case resource.Boolean:
			c.kind = "boolean"
		case resource.Choice:
			c.kind, c.options = "choice", k.Choices
		case resource.Reference:
			c.kind, c.from = "pick", p.pathTo(k.To)
		case resource.References:
			c.kind, c.from, c.many = "pick", p.pathTo(k.To), true
		case resource.Tags:
			c.kind, c.from, c.many = "pick", p.pathTo("tags"), true
		case resource.Integer:
			c.kind, c.step = "number", "1"
		case resource.Float:
			c.kind, c.step = "number", "any"
		case resource.DateTime:
			c.kind = "time"
		case resource.JSON:
			c.kind = "json"
		case resource.Text:
			c.kind = "area"
		case resource.Char:
		default:
			c.kind = "json"
		}
		if f.WriteOnly {
			c.kind = "secret"
		}
		c.fill(o, given)
		out = append(out, c)
	}
	return out
}

// fill sets the value of a control.
func (c *formField) fill(o object, given url.Values) {
	if values, ok := given[c.name]; ok {
		c.value, c.values = first(values), slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		return
	}
	v, ok := o[c.name]
	if !ok || c.kind == "secret" {
		return
	}
	switch c.kind {
	case "pick":
		all, many := v.([]any)
		if !many {
			all = []any{v}
		}
		for _, e := range all {
			if m, ok := e.(map[string]any); ok {
				c.values = append(c.values, object(m).id())
			} else if id := plain(e); id != "" {
				c.values = append(c.values, id)
			}
		}
		c.value = first(c.values)
	case "choice":
		c.value = o.choiceOrText(c.name)
	case "json":
		c.value = indented(v)
	default:
		c.value = plain(v)
	}
}

// readForm makes the body of a request of what a person filled in, and says what cannot be read.
func readForm(r *resource.Resource, sent url.Values) (body map[string]any, wrong map[string][]string) {
	body, wrong = map[string]any{}, map[string][]string{}
	for i := range r.Fields {
		f := &r.Fields[i]
		values, ok := sent[f.Name]
		if !ok || f.ReadOnly {
			continue
		}
		v := first(values)
		switch f.Kind.(type) {
		case resource.References, resource.Tags:
			ids := []any{}
			for _, id := range values {
				if id != "" {
					ids = append(ids, json.Number(id))
				}
			}
			body[f.Name] = ids
		case resource.Char, resource.Text:
			if f.WriteOnly && v == "" { // as it was
				continue
			}
			body[f.Name] = v
		case resource.Reference, resource.Integer, resource.Float, resource.DateTime, resource.Choice:
			body[f.Name] = any(v)
			if v == "" {
				body[f.Name] = nil
			}
			if v == "" && !f.Null {
				delete(body, f.Name)
				if f.Required {
					wrong[f.Name] = []string{"This field is required."}
				}
			}
		case resource.Boolean:
			body[f.Name] = v == "true"
			if v == "" {
				body[f.Name] = nil
			}
		default:
			decoded, err := decodeValue(v)
			if err != nil {
				wrong[f.Name] = []string{"Enter valid JSON: " + err.Error()}
				continue
			}
			body[f.Name] = decoded
		}
	}
	if m := sent.Get("changelog_message"); m != "" {
		body["changelog_message"] = m
	}
	return body, wrong
}

// decodeValue reads a JSON value; nothing is null.
func decodeValue(text string) (any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is something after its end")
	}
	return v, nil
}

// remove asks whether an object is to be deleted, and deletes it.
func (w *Web) remove(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if !p.may(r, resource.Delete) {
			return answer{}, resource.ErrForbidden
		}
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		if p.http.Method != "POST" {
			return answer{title: "Delete " + o.name(), body: deletePage(p, p.sheet(r, o, ""), "")}, nil
		}
		id, err := p.objectID()
		if err != nil {
			return answer{}, err
		}
		err = w.Store.Delete(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: map[string]any{"changelog_message": p.http.PostFormValue("changelog_message")}})
		if protected, ok := errors.AsType[resource.Protected](err); ok {
			return answer{status: 409, title: "Delete " + o.name(), body: deletePage(p, p.sheet(r, o, ""), protected.Error())}, nil
		}
		return answer{to: pathOf(r)}, err
	}
}
