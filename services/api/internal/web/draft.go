package web

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// draft is an object that a form makes or changes.
type draft struct {
	r       *resource.Resource
	o       object // as it is, nil for a new one
	title   string
	wrong   map[string][]string // by control; "": of the whole
	marked  []formField         // the controls that something is wrong with
	message string              // for the change log
}

// draftOf is the draft of an object, or of a new one.
func draftOf(r *resource.Resource, o object) draft {
	if o == nil {
		return draft{r: r, title: "Add " + withArticle(viewOf(r).one)}
	}
	return draft{r: r, o: o, title: "Edit " + o.name()}
}

func (d *draft) isNew() bool { return d.o == nil }

// back is where one was before.
func (d *draft) back() string {
	if d.isNew() {
		return pathOf(d.r)
	}
	return pathOf(d.r) + d.o.id() + "/"
}

func (d *draft) crumbs() []crumb {
	steps := []crumb{{viewOf(d.r).title, pathOf(d.r)}}
	if !d.isNew() {
		steps = append(steps, crumb{d.o.name(), d.back()})
	}
	return steps
}

// save makes or changes the object as a body says, and goes to it. What is wrong, with the form or for the API, is said in the form beside its controls.
func (p *page) save(ctx context.Context, d *draft, body map[string]any, controls []formField, form templ.Component) (answer, error) {
	d.message = p.http.PostFormValue("changelog_message")
	if len(d.wrong) == 0 {
		if !d.isNew() && untouched(body) {
			return answer{to: d.back()}, nil
		}
		made, err := p.send(ctx, d, body)
		if err == nil {
			return p.saved(ctx, d, made)
		}
		refused, ok := errors.AsType[resource.Errors](err)
		if !ok {
			return answer{}, err
		}
		d.wrong = beside(d.r, controls, messages(refused))
	}
	for _, c := range controls {
		if c.kind == "secret" && p.http.PostFormValue(c.input()) != "" {
			d.wrong[c.input()] = append(d.wrong[c.input()], "Enter it again: it was not saved, and no page shows a secret.")
		}
	}
	d.marked = marked(controls, d.wrong)
	return answer{status: http.StatusBadRequest, title: d.title, body: form}, nil
}

// marked are the controls that something is wrong with.
func marked(controls []formField, wrong map[string][]string) []formField {
	return slices.DeleteFunc(slices.Clone(controls), func(c formField) bool { return wrong[c.input()] == nil })
}

func (p *page) send(ctx context.Context, d *draft, body map[string]any) (resource.Object, error) {
	req := resource.Request{At: p.at(), Actor: p.actor(), Body: body}
	if d.isNew() {
		return p.Store.Create(ctx, d.r, req)
	}
	req.Partial = true
	return p.Store.Update(ctx, d.r, d.o.number("id"), req)
}

// untouched says that a request would change nothing. It is not sent: it would count as an update all the same.
func untouched(body map[string]any) bool {
	_, message := body["changelog_message"]
	return len(body) == 0 || len(body) == 1 && message
}

// saved is where to go when an object was saved: to its page, if who looks may see it, or, with what is shown only once, to a page of that.
func (p *page) saved(ctx context.Context, d *draft, made resource.Object) (answer, error) {
	o, err := decode(made.Body)
	if err != nil {
		return answer{}, err
	}
	if secret := o.text("token"); secret != "" && d.isNew() {
		return answer{title: "API token", body: tokenPage(o, secret, pathOf(d.r))}, nil
	}
	done := "Modified "
	if d.isNew() {
		done = "Created "
	}
	p.tell(ctx, done+within(viewOf(d.r).one)+" "+o.name()+".")
	switch may, err := p.Store.May(ctx, d.r, p.actor(), resource.View, o.number("id")); {
	case err != nil:
		return answer{}, err
	case may:
		return answer{to: pathOf(d.r) + o.id() + "/"}, nil
	case p.may(d.r, resource.View):
		return answer{to: pathOf(d.r)}, nil
	}
	return answer{to: p.http.URL.Path}, nil // to the form: who may not look at others may make another
}

var ofCustomField = regexp.MustCompile(`(?i)custom field '([^']+)'`)

// beside brings messages to the controls that they are about. What is about no control is about the whole.
func beside(r *resource.Resource, controls []formField, wrong map[string][]string) map[string][]string {
	out := map[string][]string{}
	names := map[string]string{}
	for i := range controls {
		names[controls[i].input()] = controls[i].label
	}
	for name, texts := range wrong {
		for _, text := range texts {
			to := name
			text = spoken(r, text)
			if r.Name == catalog.Users && name == "" && strings.Contains(strings.ToLower(text), "password") {
				to = "password"
			} else if m := ofCustomField.FindStringSubmatch(text); m != nil && names["cf_"+m[1]] != "" {
				to = "cf_" + m[1]
			} else if name != "" && names[name] == "" {
				to, text = "", label(r, name)+": "+text
			}
			out[to] = append(out[to], text)
		}
	}
	return out
}
