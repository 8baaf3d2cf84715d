package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// journal shows the entries about an object, and takes new ones.
func (w *Web) journal(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		entries := w.Store.Set.Get("journal-entries")
		var wrong map[string][]string
		if p.http.Method == "POST" {
			_, err := w.Store.Create(ctx, entries, resource.Request{At: p.at(), Actor: p.actor(), Body: map[string]any{
				"assigned_object_type": r.Type.String(), "assigned_object_id": json.Number(o.id()),
				"kind": p.http.PostFormValue("kind"), "comments": p.http.PostFormValue("comments"),
			}})
			invalid, refused := errors.AsType[resource.Errors](err)
			switch {
			case refused:
				wrong = messages(invalid)
			case err != nil:
				return answer{}, err
			default:
				return answer{to: pathOf(r) + o.id() + "/journal/"}, nil
			}
		}
		found, err := p.read(ctx, "journal-entries", url.Values{"assigned_object_type": {r.Type.String()}, "assigned_object_id": {o.id()}, "limit": {"200"}})
		if err != nil {
			return answer{}, err
		}
		s := p.sheet(r, o, "journal/")
		return answer{title: "Journal of " + o.name(), body: journalPage(p, s, found.list("results"), p.may(entries, resource.Add), p.http.PostFormValue("comments"), wrong)}, nil
	}
}
