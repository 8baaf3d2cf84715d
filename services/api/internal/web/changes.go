package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// maxRelated is how many changes of the same request the page of a change shows.
const maxRelated = 25

// changeSheet is the page of one change.
type changeSheet struct {
	o             object
	r             *resource.Resource // of what was changed; nil if this server does not know it
	differences   []difference
	older, newer  string // the changes of the same object before and after; "" for none
	others        []object
	otherCount    int
	toOthers      string
	toObject      string // the changes of the object
	before, after object
}

// change shows one change: what it changed, and what else the same request did.
func (w *Web) change(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		s := &changeSheet{o: o, r: w.resourceOf(o.text("changed_object_type")), before: o.sub("prechange_data"), after: o.sub("postchange_data")}
		s.differences = differences(s.r, o)
		of := url.Values{"changed_object_type": {o.text("changed_object_type")}, "changed_object_id": {o.text("changed_object_id")}}
		s.toObject = pathOf(r) + "?" + of.Encode()
		if o.text("changed_object_type") != "" {
			if s.older, err = p.neighbour(ctx, r, of, "id__lt", "-id", o.id()); err != nil {
				return answer{}, err
			}
			if s.newer, err = p.neighbour(ctx, r, of, "id__gt", "id", o.id()); err != nil {
				return answer{}, err
			}
		}
		same := url.Values{"request_id": {o.text("request_id")}}
		s.toOthers = pathOf(r) + "?" + same.Encode()
		same.Set("id__n", o.id())
		same.Set("limit", strconv.Itoa(maxRelated))
		found, err := p.read(ctx, r.Name, same, "id", "url", "time", "action", "changed_object_type", "changed_object_id", "object_repr", "changed_object")
		if err != nil {
			return answer{}, err
		}
		s.others, s.otherCount = found.list("results"), int(found.number("count"))
		return answer{title: o.name(), body: changePage(p, s)}, nil
	}
}

// neighbour is the page of the change of an object next to one of them.
func (p *page) neighbour(ctx context.Context, r *resource.Resource, of url.Values, compare, ordering, id string) (string, error) {
	query := cloneValues(of)
	query.Set(compare, id)
	query.Set("ordering", ordering)
	query.Set("limit", "1")
	found, err := p.read(ctx, r.Name, query, "id")
	if err != nil || len(found.list("results")) == 0 {
		return "", err
	}
	return pathOf(r) + found.list("results")[0].id() + "/", nil
}

// resourceOf is the resource of an object type, nil if there is none of this name.
func (w *Web) resourceOf(objectType string) *resource.Resource {
	for _, r := range w.Store.Set.All {
		if r.Type.String() == objectType {
			return r
		}
	}
	return nil
}

// typeText is what people call an object type.
func (w *Web) typeText(objectType string) string {
	if r := w.resourceOf(objectType); r != nil {
		return viewOf(r).one
	}
	_, name, _ := strings.Cut(objectType, ".")
	return visible(name)
}

// changedPage is the page of what was changed; "" if it is gone, or if who looks may not see it. The API names no sync jobs here.
func (p *page) changedPage(o object) string {
	if url := o.sub("changed_object").text("url"); url != "" {
		return p.local(url)
	}
	r := p.resourceOf(o.text("changed_object_type"))
	if r == nil || r.Name != catalog.Jobs || o.choice("action") == "delete" || !p.may(r, resource.View) {
		return ""
	}
	return pathOf(r) + o.text("changed_object_id") + "/"
}
