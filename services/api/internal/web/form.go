package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/catalog"
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
	shown   string // what the controls held before anybody touched them
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
		return p.openForm(ctx, f, from, p.http.URL.Query())
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
				if untouched(body) {
					return w.Store.Get(ctx, r, p.actor(), p.at(), id, resource.Selection{})
				}
				return w.Store.Update(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: body, Partial: true})
			})
		}
		return p.openForm(ctx, f, o, nil)
	}
}

// untouched says that a request would change nothing. It is not sent: it would count as an update all the same.
func untouched(body map[string]any) bool {
	_, message := body["changelog_message"]
	return len(body) == 0 || len(body) == 1 && message
}

// openForm shows a form with the values of an object, or those that the address gives.
func (p *page) openForm(ctx context.Context, f *form, from object, given url.Values) (answer, error) {
	var err error
	if f.fields, err = p.formFields(ctx, f.r, from, given, f.o == nil); err != nil {
		return answer{}, err
	}
	f.shown = shown(f.fields)
	return answer{title: f.title, body: formPage(p, f)}, nil
}

// submit saves what a person filled in. What is wrong with it is said beside the fields.
func (p *page) submit(ctx context.Context, f *form, save func(map[string]any) (resource.Object, error)) (answer, error) {
	var err error
	if f.fields, err = p.formFields(ctx, f.r, f.o, p.http.PostForm, f.o == nil); err != nil {
		return answer{}, err
	}
	body, wrong := readForm(f.fields, p.http.PostForm, f.o == nil)
	if len(wrong) == 0 {
		made, err := save(body)
		invalid, refused := errors.AsType[resource.Errors](err)
		if err == nil {
			return p.saved(ctx, f, made)
		}
		if !refused {
			return answer{}, err
		}
		wrong = beside(f.r, f.fields, messages(invalid))
	}
	f.wrong, f.shown, f.message = wrong, p.http.PostFormValue(shownName), p.http.PostFormValue("changelog_message")
	return answer{status: http.StatusBadRequest, title: f.title, body: formPage(p, f)}, nil
}

// saved is where to go when an object was saved: to its page, or, with what is shown only once, to a page of that.
func (p *page) saved(ctx context.Context, f *form, made resource.Object) (answer, error) {
	o, err := decode(made.Body)
	if err != nil {
		return answer{}, err
	}
	if secret := o.text("token"); secret != "" && f.o == nil {
		return answer{title: "API token", body: tokenPage(o, secret, pathOf(f.r))}, nil
	}
	done := "Modified "
	if f.o == nil {
		done = "Created "
	}
	p.tell(ctx, done+strings.ToLower(f.view.one)+" "+o.name()+".")
	return answer{to: pathOf(f.r) + o.id() + "/"}, nil
}

var ofCustomField = regexp.MustCompile(`(?i)custom field '([^']+)'`)

// beside brings messages to the controls that they are about. What is about no control is about the whole.
func beside(r *resource.Resource, fields []formField, wrong map[string][]string) map[string][]string {
	out := map[string][]string{}
	names := map[string]string{}
	for i := range fields {
		names[fields[i].input()] = fields[i].label
	}
	for name, texts := range wrong {
		for _, text := range texts {
			to := name
			if r.Name == catalog.Users && name == "" && strings.Contains(strings.ToLower(text), "password") {
				to = "password"
			} else if m := ofCustomField.FindStringSubmatch(text); m != nil && names["cf_"+m[1]] != "" {
				to = "cf_" + m[1]
			} else if name != "" && names[name] == "" {
				to, text = "", labelOf(r, name)+": "+text
			}
			out[to] = append(out[to], text)
		}
	}
	return out
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
