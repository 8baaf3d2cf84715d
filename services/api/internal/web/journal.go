package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// journalSheet is the journal of an object.
type journalSheet struct {
	*sheet

	fields  []formField         // of a new entry, nil if who looks may not make one
	wrong   map[string][]string // by control; "": of the whole
	list    *tabList            // nil if who looks may not see entries
	writers map[string]string   // names by id, as far as who looks may see users
}

// journal shows the entries about an object, and takes new ones.
func (w *Web) journal(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		entries := w.Store.Set.Get("journal-entries")
		j := &journalSheet{sheet: p.sheet(r, o, "journal/")}
		mayAdd, maySee := p.may(entries, resource.Add), p.may(entries, resource.View)
		if !mayAdd && (!maySee || p.http.Method == http.MethodPost) {
			return answer{}, resource.ErrForbidden
		}
		if mayAdd {
			if j.fields, err = p.entryFields(ctx, entries); err != nil {
				return answer{}, err
			}
		}
		if p.http.Method == http.MethodPost {
			if err := p.addEntry(ctx, j, entries); err != nil {
				return answer{}, err
			}
			if len(j.wrong) == 0 {
				p.tell(ctx, "Added to the journal.")
				return answer{to: j.base() + j.current}, nil
			}
		}
		if maySee {
			if err := p.readEntries(ctx, j); err != nil {
				return answer{}, err
			}
		}
		status := http.StatusOK
		if len(j.wrong) > 0 {
			status = http.StatusBadRequest
		}
		return answer{status: status, title: "Journal of " + o.name(), body: journalPage(p, j)}, nil
	}
}

// entryFields are the controls of a new entry.
func (p *page) entryFields(ctx context.Context, entries *resource.Resource) ([]formField, error) {
	all, err := p.formFields(ctx, entries, nil, p.http.PostForm, true)
	return slices.DeleteFunc(all, func(c formField) bool { return c.custom || c.name != "kind" && c.name != "comments" }), err
}

// addEntry makes the entry that the form says, or says what is wrong with it.
func (p *page) addEntry(ctx context.Context, j *journalSheet, entries *resource.Resource) error {
	body, wrong := readForm(j.fields, p.http.PostForm, true)
	if j.wrong = wrong; len(wrong) > 0 {
		return nil
	}
	body["assigned_object_type"], body["assigned_object_id"] = j.r.Type.String(), json.Number(j.o.id())
	_, err := p.Store.Create(ctx, entries, resource.Request{At: p.at(), Actor: p.actor(), Body: body})
	if invalid, refused := errors.AsType[resource.Errors](err); refused {
		j.wrong = beside(entries, j.fields, messages(invalid))
		return nil
	}
	return err
}

func (p *page) readEntries(ctx context.Context, j *journalSheet) (err error) {
	if j.list, err = p.tabList(ctx, j.sheet, "journal-entries", url.Values{"assigned_object_type": {j.r.Type.String()}, "assigned_object_id": {j.o.id()}}); err != nil {
		return err
	}
	j.writers, err = p.writers(ctx, j.list.rows)
	return err
}

// writers are the names of those who made entries, by id, as far as who looks may see users.
func (p *page) writers(ctx context.Context, entries []object) (map[string]string, error) {
	names := map[string]string{strconv.Itoa(int(p.who.UserID)): p.who.Username}
	var ids []string
	for _, e := range entries {
		if id := e.text("created_by"); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if ids == nil || !p.sees(catalog.Users) {
		return names, nil
	}
	found, err := p.read(ctx, catalog.Users, url.Values{"id": ids, "limit": {strconv.Itoa(len(ids))}}, "id", "username")
	for _, u := range found.list("results") {
		names[u.id()] = u.text("username")
	}
	return names, err
}

// nameWriters says who made entries by name.
func nameWriters(ctx context.Context, p *page, entries []object) error {
	names, err := p.writers(ctx, entries)
	for _, e := range entries {
		if name := names[e.text("created_by")]; name != "" {
			e["created_by"] = name
		}
	}
	return err
}
