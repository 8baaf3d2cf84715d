package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Names of what the form around a list sends.
const (
	selectedName = "pk"     // ids, repeated or with commas between
	matchingName = "_all"   // everything that the list has on all its pages, instead
	queryName    = "_query" // the parameters of the list
	changeName   = "_change"
	applyName    = "_apply" // the page of the action sends itself, not the list
)

// bulk is objects that are changed or deleted together.
type bulk struct {
	r       *resource.Resource
	view    view
	ids     []int64
	some    []object // the first of them
	more    int      // how many were selected beside them, but may not be changed or are gone
	back    string   // the list
	query   string
	fields  []formField
	change  []string // names of the fields that are to be changed
	wrong   map[string][]string
	about   object // the object that the messages are about
	message string
}

// maxListed is how many of the objects are named.
const maxListed = 50

// selection reads which objects the form is about, as far as who looks may do this to them.
func (p *page) selection(ctx context.Context, r *resource.Resource, action resource.Action) (*bulk, error) {
	if !p.may(r, action) {
		return nil, resource.ErrForbidden
	}
	b := &bulk{r: r, view: viewOf(r), query: p.http.PostFormValue(queryName)}
	if b.back = pathOf(r); b.query != "" {
		b.back += "?" + b.query
	}
	asked := -1
	params, err := url.ParseQuery(b.query)
	if err != nil {
		return nil, badChoice("The selection cannot be read: its filters are no address.")
	}
	if p.http.PostFormValue(matchingName) == "" {
		ids := selected(p.http.PostForm)
		if params, asked = (url.Values{"id": ids}), len(ids); asked == 0 {
			return b, nil
		}
		if asked > resource.MaxItems {
			return nil, tooMany()
		}
	}
	b.ids, err = p.Store.Matching(ctx, r, p.actor(), action, params)
	if wrong, ok := errors.AsType[resource.Errors](err); ok {
		return nil, fault.Wrap(fault.Invalid, resource.Detail("The selection cannot be read: "+wrong.Error()), "read a selection")
	}
	if err != nil {
		return nil, fmt.Errorf("read a selection of %s: %w", r.Name, err)
	}
	if len(b.ids) > resource.MaxItems {
		return nil, tooMany()
	}
	if asked >= 0 {
		b.more = asked - len(b.ids)
	}
	return b, nil
}

func tooMany() error {
	text := "At most " + count(resource.MaxItems) + " objects can be changed at once. Narrow the list with filters, and do it in parts."
	return fault.Wrap(fault.Invalid, resource.Detail(text), "read a selection")
}

// selected are the ids in a form, each once.
func selected(form url.Values) []string {
	var out []string
	for id := range strings.SplitSeq(strings.Join(form[selectedName], ","), ",") {
		if isNumber(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// list reads the first of the objects.
func (b *bulk) list(ctx context.Context, p *page) error {
	if len(b.ids) == 0 {
		return nil
	}
	found, err := p.read(ctx, b.r.Name, url.Values{"id": texts(b.ids[:min(len(b.ids), maxListed)]), "limit": {strconv.Itoa(maxListed)}}, "id", "url", "display")
	if err != nil {
		return err
	}
	b.some = found.list("results")
	return nil
}

func texts(ids []int64) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.FormatInt(id, 10)
	}
	return out
}

// joined are the ids as one text.
func (b *bulk) joined() string { return strings.Join(texts(b.ids), ",") }

// what names the objects with their number.
func (b *bulk) what() string {
	if len(b.ids) == 1 {
		return "1 " + b.view.one
	}
	return count(len(b.ids)) + " " + b.view.title
}

// items is the body of a request that does the same to all of the objects.
func (b *bulk) items(same map[string]any) []any {
	out := make([]any, len(b.ids))
	for i, id := range b.ids {
		item := map[string]any{"id": json.Number(strconv.FormatInt(id, 10))}
		maps.Copy(item, same)
		out[i] = item
	}
	return out
}

// nothing is where a form leads that is about no object.
func (p *page) nothing(ctx context.Context, b *bulk, action string) answer {
	if b.more > 0 {
		p.tell(ctx, fmt.Sprintf("You may not %s any of the %s selected, or they are gone.", action, count(b.more)))
	} else {
		p.tell(ctx, "Nothing is selected.")
	}
	return answer{to: b.back}
}

// removeMany asks whether the selected objects are to be deleted, and deletes them: all or none.
func (w *Web) removeMany(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		if p.http.Method != http.MethodPost {
			return answer{to: pathOf(r)}, nil
		}
		b, err := p.selection(ctx, r, resource.Delete)
		if err != nil {
			return answer{}, err
		}
		if len(b.ids) == 0 {
			return p.nothing(ctx, b, "delete"), nil
		}
		refused, status := "", http.StatusOK
		if p.http.PostFormValue(applyName) != "" {
			b.message = p.http.PostFormValue("changelog_message")
			same := map[string]any{}
			if b.message != "" {
				same["changelog_message"] = b.message
			}
			err := w.Store.DeleteAll(ctx, r, resource.Request{At: p.at(), Actor: p.actor(), Body: b.items(same)})
			protected, held := errors.AsType[resource.Protected](err)
			invalid, wrong := errors.AsType[resource.Positional](err)
			switch {
			case err == nil:
				p.tell(ctx, b.what()+" deleted.")
				return answer{to: b.back}, nil
			case held:
				refused, status = protected.Error(), http.StatusConflict
			case wrong:
				refused, status = invalid.Error(), http.StatusBadRequest
			default:
				return answer{}, err
			}
		}
		if err := b.list(ctx, p); err != nil {
			return answer{}, err
		}
		return answer{status: status, title: "Delete " + b.what(), body: bulkDeletePage(p, b, refused)}, nil
	}
}
