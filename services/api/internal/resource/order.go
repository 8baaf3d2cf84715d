package resource

import (
	"slices"
	"strings"
)

// term is one term of ORDER BY: an expression that a plan can resolve.
type term struct {
	path []*Field // references to go through, and the field at the end
	down bool
}

// order reads ?ordering=. Unknown names are dropped; if none is left, the default order applies. id comes last.
func (r *Resource) order(text string) []term {
	var terms []term
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		down := strings.HasPrefix(name, "-")
		if f := r.fields[strings.TrimPrefix(name, "-")]; f != nil && orderable(f) {
			terms = append(terms, r.expand(nil, f, down)...)
		}
	}
	if terms == nil {
		terms = r.defaultOrder(nil, false)
	}
	return append(terms, term{path: []*Field{r.fields["id"]}})
}

func orderable(f *Field) bool {
	if k, ok := f.Kind.(JSON); ok && k.Form == VerbatimJSON {
		return false
	}
	return !f.Kind.computed() && !f.WriteOnly
}

// defaultOrder returns the terms of a resource's own order, reached through the path.
func (r *Resource) defaultOrder(path []*Field, down bool) []term {
	var terms []term
	for _, name := range r.Order {
		f := r.fields[strings.TrimPrefix(name, "-")]
		terms = append(terms, r.expand(path, f, down != strings.HasPrefix(name, "-"))...)
	}
	return terms
}

// expand orders by a field, or by what the target of a reference is ordered by.
func (r *Resource) expand(path []*Field, f *Field, down bool) []term {
	path = append(slices.Clip(path), f)
	if _, ok := f.Kind.(Reference); !ok {
		return []term{{path, down}}
	}
	to := r.target(f)
	if len(to.Order) == 0 {
		return []term{{path, down}}
	}
	return to.defaultOrder(path, down)
}

// orderSQL writes the terms for a query that starts at the alias t; joins are added to p.
func (r *Resource) orderSQL(p *plan, terms []term) string {
	parts := make([]string, len(terms))
	for i, t := range terms {
		parts[i] = t.directed(r.key(p, t, ""))
	}
	return strings.Join(parts, ", ")
}

// key returns the expression that a term orders by; joins are added to p. The id of the first reference's target is its column of the alias t,
// or the expression lead if that is not "".
func (r *Resource) key(p *plan, t term, lead string) string {
	at, res := "t", r
	for i, f := range t.path[:len(t.path)-1] {
		to := res.target(f)
		if i == 0 && lead != "" {
			at = p.joinOn(lead, to)
		} else {
			at = p.join(at, f, to)
		}
		res = to
	}
	return t.path[len(t.path)-1].sql(at)
}

func (t term) directed(key string) string {
	if t.down {
		return key + " DESC"
	}
	return key
}
