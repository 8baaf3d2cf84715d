package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// tagsName is where the menu of tags beside a list sends them, and pickTag what it says without any.
const (
	tagsName = "_tags"
	pickTag  = "Pick a tag first."
)

// tagActions are what can be done to tags of many objects, by the names that the API has for it.
var tagActions = []string{"add_tags", "remove_tags"}

// editMany asks what of the selected objects is to be changed, and changes it: of all or of none.
func (w *Web) editMany(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if p.http.Method != http.MethodPost {
			return answer{to: pathOf(r)}, nil
		}
		b, err := p.selection(ctx, r, resource.Change)
		if err != nil {
			return answer{}, err
		}
		if len(b.ids) == 0 {
			return p.nothing(ctx, b, "change"), nil
		}
		if b.fields, err = p.bulkFields(ctx, r); err != nil {
			return answer{}, err
		}
		// The menu of tags beside a list says at once what to do.
		if action := p.http.URL.Query().Get("tags"); slices.Contains(tagActions, action) {
			if strings.Join(p.http.PostForm[tagsName], "") == "" { // scripts say so beside the picker
				p.tell(ctx, pickTag)
				return answer{to: b.back}, nil
			}
			p.http.PostForm.Set(changeName, action)
			p.http.PostForm[action] = p.http.PostForm[tagsName]
			p.http.PostForm.Set(applyName, "1")
		}
		status := http.StatusOK
		if p.http.PostForm.Get(applyName) != "" {
			done, err := p.apply(ctx, b)
			if done || err != nil {
				return answer{to: b.back}, err
			}
			status = http.StatusBadRequest
		}
		if err := b.list(ctx, p); err != nil {
			return answer{}, err
		}
		return answer{status: status, title: "Edit " + b.what(), body: bulkEditPage(p, b)}, nil
	}
}

// apply changes the objects. Without done the form says what is wrong.
func (p *page) apply(ctx context.Context, b *bulk) (done bool, err error) {
	b.change, b.message = p.http.PostForm[changeName], p.http.PostFormValue("changelog_message")
	var chosen []formField
	for i := range b.fields {
		c := &b.fields[i]
		if c.take(p.http.PostForm); b.changes(*c) {
			chosen = append(chosen, *c)
		}
	}
	body, wrong := readForm(chosen, p.http.PostForm, false)
	for _, name := range tagActions { // without any tag there is nothing to do
		if list, ok := body[name].([]any); ok && len(list) == 0 {
			delete(body, name)
		}
	}
	if b.wrong = wrong; len(wrong) > 0 {
		return false, nil
	}
	if untouched(body) {
		b.wrong = map[string][]string{"": {"Choose what to change."}}
		return false, nil
	}
	list, err := p.Store.UpdateAll(ctx, b.r, resource.Request{At: p.at(), Actor: p.actor(), Body: b.items(body), Partial: true})
	if positional, ok := errors.AsType[resource.Positional](err); ok {
		b.wrong = map[string][]string{"": {positional.Error()}}
		return false, nil
	}
	if invalid, ok := errors.AsType[resource.Errors](err); ok {
		b.wrong = beside(b.r, b.fields, messages(invalid))
		if of, ok := errors.AsType[resource.OfObject](err); ok {
			b.about = object{"id": json.Number(strconv.FormatInt(of.ID, 10)), "display": of.Display}
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var changed []json.RawMessage
	if err := json.Unmarshal(list, &changed); err != nil {
		return false, err
	}
	p.tell(ctx, p.outcome(b, len(changed)))
	return true, nil
}

// outcome says what became of the selection.
func (p *page) outcome(b *bulk, changed int) string {
	text := count(changed) + " changed."
	if left := len(b.ids) - changed + b.more; left > 0 {
		text += " " + count(left) + " are gone, or not yours to change."
	}
	return text
}

// bulkFields are the controls for what many objects can have in common: nothing that names one, nothing secret.
func (p *page) bulkFields(ctx context.Context, r *resource.Resource) ([]formField, error) {
	all, err := p.fieldsFor(ctx, r, false)
	if err != nil {
		return nil, err
	}
	var out []formField
	for _, c := range all {
		switch {
		case c.kind == "secret", !c.custom && names(r, c.name):
		case c.name == "tags" && !c.custom:
			for _, action := range tagActions {
				c.name, c.label = action, words(action)
				out = append(out, c)
			}
		default:
			c.required = false
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b formField) int { return rank(a) - rank(b) })
	return out, nil
}

// rank brings tags to the front, and custom fields to the end.
func rank(c formField) int {
	switch {
	case slices.Contains(tagActions, c.name) && !c.custom:
		return 0
	case c.custom:
		return 2
	}
	return 1
}

// names says whether a field, alone or with others, must be another for each object.
func names(r *resource.Resource, name string) bool {
	for _, u := range r.Unique {
		if u.Fields[len(u.Fields)-1] == name {
			return true
		}
	}
	return slices.Contains([]string{"name", "slug", "username", "raw_config"}, name)
}

// changes says whether a field is to be changed.
func (b *bulk) changes(c formField) bool { return slices.Contains(b.change, c.input()) }
