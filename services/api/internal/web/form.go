package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// form is what a person fills in to make or change an object.
type form struct {
	draft

	fields []formField
	shown  string // what the controls held before anybody touched them
}

func (w *Web) add(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if !p.may(r, resource.Add) {
			return answer{}, resource.ErrForbidden
		}
		f := &form{draft: draftOf(r, nil)}
		if p.http.Method == http.MethodPost {
			return p.submit(ctx, f)
		}
		from, err := p.cloned(ctx, r)
		if err != nil {
			return answer{}, err
		}
		return p.openForm(ctx, f, from, p.http.URL.Query())
	}
}

// cloned is the object that a new one begins like, as the address says; nil if it names none.
func (p *page) cloned(ctx context.Context, r *resource.Resource) (object, error) {
	id := p.http.URL.Query().Get("clone")
	if id == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, errNoPage
	}
	found, err := p.Store.Get(ctx, r, p.actor(), p.at(), n, resource.Selection{})
	if err != nil {
		return nil, fmt.Errorf("read what is to be cloned: %w", err)
	}
	return decode(found.Body)
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
		f := &form{draft: draftOf(r, o)}
		if p.http.Method == http.MethodPost {
			return p.submit(ctx, f)
		}
		return p.openForm(ctx, f, o, nil)
	}
}

// openForm shows a form with the values of an object, or those that the address gives.
func (p *page) openForm(ctx context.Context, f *form, from object, given url.Values) (answer, error) {
	var err error
	if f.fields, err = p.formFields(ctx, f.r, from, given, f.isNew()); err != nil {
		return answer{}, err
	}
	f.shown = shown(f.fields)
	return answer{title: f.title, body: formPage(p, f)}, nil
}

// submit saves what a person filled in.
func (p *page) submit(ctx context.Context, f *form) (answer, error) {
	var err error
	if f.fields, err = p.formFields(ctx, f.r, f.o, p.http.PostForm, f.isNew()); err != nil {
		return answer{}, err
	}
	f.shown = p.http.PostFormValue(shownName)
	var body map[string]any
	body, f.wrong = readForm(f.fields, p.http.PostForm, f.isNew())
	return p.save(ctx, &f.draft, body, f.fields, formPage(p, f))
}

// deleteQuestion heads what asks it: the text below names the object.
func deleteQuestion(s *sheet) string { return "Delete " + within(s.view.one) + "?" }

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
		s := p.sheet(r, o, "")
		if p.http.Method != http.MethodPost {
			refers, err := referring(ctx, p, s)
			if err != nil {
				return answer{}, err
			}
			if p.part() == askPart {
				return answer{body: templ.Join(askHead(deleteQuestion(s)), deleteForm(s, ""), deleteRefers(refers)), bare: true}, nil
			}
			return answer{title: "Delete " + o.name(), body: deletePage(s, "", refers)}, nil
		}
		id, err := p.objectID()
		if err != nil {
			return answer{}, err
		}
		err = w.Store.Delete(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: map[string]any{"changelog_message": p.http.PostFormValue("changelog_message")}})
		if protected, ok := errors.AsType[resource.Protected](err); ok {
			return answer{status: http.StatusConflict, title: "Delete " + o.name(), body: deletePage(s, protected.Error(), nil)}, nil
		}
		if err == nil {
			p.tell(ctx, "Deleted "+within(s.view.one)+" "+o.name()+".")
		}
		return answer{to: pathOf(r)}, err
	}
}
