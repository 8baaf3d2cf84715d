package resource

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/proxops/proxops/libs/change"
)

// Set is a number of resources that refer to each other.
type Set struct {
	All    []*Resource
	byName map[string]*Resource
}

// NewSet links resources and prepares their filters. It returns an error for a declaration that contradicts itself: that is a mistake in the
// program, which any test shows.
func NewSet(resources ...*Resource) (*Set, error) {
	s := &Set{All: resources, byName: map[string]*Resource{}}
	for _, r := range resources {
		if s.byName[r.Name] != nil {
			return nil, fmt.Errorf("resource %s is declared twice", r.Name)
		}
		s.byName[r.Name] = r
		r.set = s
		if err := r.index(); err != nil {
			return nil, fmt.Errorf("resource %s: %w", r.Name, err)
		}
	}
	for _, r := range resources {
		if err := r.link(); err != nil {
			return nil, fmt.Errorf("resource %s: %w", r.Name, err)
		}
	}
	return s, nil
}

// Get returns the resource of this name, or nil.
func (s *Set) Get(name string) *Resource { return s.byName[name] }

// Of returns the resource whose objects have this type, or nil.
func (s *Set) Of(t change.ObjectType) *Resource {
	for _, r := range s.All {
		if r.Type == t && t != 0 {
			return r
		}
	}
	return nil
}

// index prepares what a resource knows by itself.
func (r *Resource) index() error {
	// Declarations may share lists of fields. What is filled in here is for this set alone.
	r.Fields, r.More = slices.Clone(r.Fields), slices.Clone(r.More)
	r.fields = make(map[string]*Field, len(r.Fields))
	for i := range r.Fields {
		f := &r.Fields[i]
		if r.fields[f.Name] != nil {
			return fmt.Errorf("field %s is declared twice", f.Name)
		}
		r.fields[f.Name] = f
		if f.Column == "" && f.Expr == "" {
			f.Column = f.Kind.column(f.Name)
		}
		if f.Expr != "" || f.Kind.computed() && !f.takesInput() {
			f.ReadOnly = true
		}
		if f.Name == "display" {
			r.display = f
		}
		if _, custom := f.Kind.(CustomFields); custom {
			r.custom = f
		}
		if !f.ReadOnly {
			r.writes = append(r.writes, f)
		}
		if f.stored() && !f.Kind.computed() {
			r.columns = append(r.columns, f)
		}
		if f.isLinked() {
			r.links = append(r.links, f)
		}
		if !f.Unlogged && !f.WriteOnly && (!f.Kind.computed() || f.isLinked()) && f.Expr == "" {
			r.logged = append(r.logged, f)
		}
	}
	for i := range r.More {
		if f := &r.More[i]; f.Column == "" && f.Expr == "" {
			f.Column = f.Kind.column(f.Name)
		}
	}
	r.flatFields = slices.Clone(r.logged)
	if r.Tagged() {
		r.flatFields = append(r.flatFields, r.fields["tags"])
	}
	slices.SortFunc(r.flatFields, func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
	for _, name := range []string{"id", "url", "display"} {
		if r.fields[name] == nil {
			return fmt.Errorf("field %s is missing", name)
		}
	}
	return nil
}

// link checks names that lead to other resources, and makes the filters.
func (r *Resource) link() error {
	for i := range r.Fields {
		if ref, ok := r.Fields[i].Kind.(Reference); ok && r.set.byName[ref.To] == nil {
			return fmt.Errorf("field %s refers to an unknown resource %s", r.Fields[i].Name, ref.To)
		}
		if refs, ok := r.Fields[i].Kind.(References); ok && r.set.byName[refs.To] == nil {
			return fmt.Errorf("field %s refers to an unknown resource %s", r.Fields[i].Name, refs.To)
		}
	}
	for i := range r.More {
		if owner, ok := r.More[i].Kind.(Owner); ok && r.set.byName[owner.To] == nil {
			return fmt.Errorf("filter %s is by an unknown resource %s", r.More[i].Name, owner.To)
		}
	}
	if r.Tagged() && r.set.byName[tagsName] == nil {
		return fmt.Errorf("it has tags, but no resource is named %s", tagsName)
	}
	if err := r.check(r.Brief); err != nil {
		return fmt.Errorf("brief form: %w", err)
	}
	for _, name := range slices.Concat(r.Order, r.Search) {
		if _, _, err := r.resolve(strings.TrimPrefix(name, "-")); err != nil {
			return err
		}
	}
	at := r
	for _, name := range r.LockVia {
		f := at.fields[name]
		if f == nil {
			return fmt.Errorf("lock via an unknown field %s", name)
		}
		if _, ok := f.Kind.(Reference); !ok {
			return fmt.Errorf("lock via %s, which is no reference", name)
		}
		at = at.target(f)
	}
	r.filters = r.makeFilters()
	return nil
}

func (r *Resource) check(s Shape) error {
	for _, p := range s {
		f := r.fields[p.Name]
		if f == nil {
			return fmt.Errorf("unknown field %s", p.Name)
		}
		if ref, ok := f.Kind.(Reference); ok && p.Of != nil {
			if err := r.set.byName[ref.To].check(p.Of); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
	}
	return nil
}

// resolve finds the field that a path like "virtual_machine.name" names, and the reference it goes through, if any.
func (r *Resource) resolve(path string) (through, last *Field, err error) {
	first, rest, deep := strings.Cut(path, ".")
	f := r.fields[first]
	if f == nil {
		return nil, nil, fmt.Errorf("unknown field %s", path)
	}
	if !deep {
		return nil, f, nil
	}
	ref, ok := f.Kind.(Reference)
	if !ok {
		return nil, nil, fmt.Errorf("field %s is no reference", first)
	}
	last = r.set.byName[ref.To].fields[rest]
	if last == nil {
		return nil, nil, fmt.Errorf("unknown field %s", path)
	}
	return f, last, nil
}

// target returns the resource that a reference field refers to.
func (r *Resource) target(f *Field) *Resource { return r.set.byName[f.Kind.(Reference).To] }

// Field returns the field of this name, or nil.
func (r *Resource) Field(name string) *Field { return r.fields[name] }

// Filtered says whether a query parameter of this name filters the resource.
func (r *Resource) Filtered(name string) bool { return r.filters[name] != nil }

// Filters returns the names of all query parameters that filter the resource, sorted.
func (r *Resource) Filters() []string {
	names := make([]string, 0, len(r.filters))
	for n := range r.filters {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func replaceAlias(expr, alias string) string { return strings.ReplaceAll(expr, "{t}", alias) }

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

func capitalise(s string) string {
	for i, c := range s {
		return string(unicode.ToUpper(c)) + s[i+len(string(c)):]
	}
	return s
}
