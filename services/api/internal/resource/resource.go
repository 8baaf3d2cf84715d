// Package resource turns declarations of REST resources into everything a NetBox client expects of them.
//
// A [Resource] is data: a table, fields of known kinds, a default order. A kind knows its column, its JSON form, its validation with
// NetBox's messages, its filter lookups and its metadata. A [Set] links resources to each other; a [Store] runs them on Postgres. SQL is made
// from declared names only, and values are always parameters.
package resource

import (
	"cmp"

	"github.com/proxops/proxops/libs/change"
)

// Resource declares one collection of objects. It is not changed after [NewSet] has taken it.
type Resource struct {
	Name     string            // unique; how references name it, for example "nodes"
	Path     string            // under /api/, without slashes at the ends
	Aliases  []string          // further paths; urls of objects always use Path
	Heavy    []string          // fields that lists under further paths show only when ?include_<field>=true asks for them
	MaxPage  int               // rows of a page, fewer than of others as the objects are large; 0: as many
	Table    string            // its rows have the columns id, created and last_updated; of read-only ones it may be a select in parentheses
	Public   bool              // whoever may read at all may view it
	ReadOnly bool              // no request writes its objects: of the columns above id alone is needed, and objects have no ETag
	Type     change.ObjectType // in the change log and of tags
	Class    string            // the model's class, as "No BackupRoutine matches the given query." names it
	Verbose  string            // the model's verbose name, "Backup Routine"
	Fields   []Field           // in the order of the JSON object
	More     []Field           // that only filters know: objects do not show them
	Brief    Shape             // what nested objects and ?brief=1 show
	Order    []string          // default ordering: names of fields, "-" in front for descending; id is always last
	KnownBy  string            // the field by which filters of other resources name its objects; default: name
	Search   []string          // what ?q= looks into: names of fields, "virtual_machine.name" through a reference
	Unique   []Unique
	Taken    map[string]string // what is wrong with the object when a unique constraint refuses what hooks write, by its name
	LockVia  []string          // references to follow to the endpoint whose row lock serialises writes of an object
	LockSelf bool              // the objects are those endpoints
	Job      *Job              // set for resources whose changes are events
	Defines  bool              // the objects define custom fields: while they are written nobody writes values
	Hooks    Hooks

	set     *Set
	fields  map[string]*Field
	display *Field
	filters map[string]filter
	// filtered says of filters what they look at.
	filtered   map[string]lookupOf
	writes     []*Field // fields that a request may set
	logged     []*Field // fields of the flat state
	flatFields []*Field // those and tags, sorted
	columns    []*Field // fields with a column of their own
	links      []*Field // fields whose values lie in join tables
	custom     *Field   // that holds custom fields, nil for none
	plans      planCache
}

// knownBy is the column by which filters of other resources name its objects.
func (r *Resource) knownBy() string {
	if f := r.fields[cmp.Or(r.KnownBy, "name")]; f != nil {
		return f.Column
	}
	return "id::text"
}

// Unique declares a unique constraint of the table, on at least one field.
type Unique struct {
	Constraint string
	Fields     []string
	Text       string // what is wrong when another object has the values; default: NetBox's general texts
}

// Job says how changes of a resource become events. Its table has the columns version and status.
type Job struct {
	Key string // the field whose value is the subject of the event
}

// Shape picks fields of an object, in the order of its picks.
type Shape []Pick

// Pick is one field of a Shape. Of narrows what a reference shows; nil stands for the brief form of its target.
type Pick struct {
	Name string
	Of   Shape
}

// Picks names fields for a Shape.
func Picks(names ...string) Shape {
	s := make(Shape, len(names))
	for i, n := range names {
		s[i] = Pick{Name: n}
	}
	return s
}

// Narrow returns the shape with what one of its references shows.
func (s Shape) Narrow(name string, of ...string) Shape {
	out := append(Shape(nil), s...)
	for i := range out {
		if out[i].Name == name {
			out[i].Of = Picks(of...)
		}
	}
	return out
}

// Field declares one key of the JSON object.
type Field struct {
	Name   string
	Column string // default: Name, with "_id" for a reference; "-" for none
	Expr   string // SQL instead of a column, in which {t} stands for the table; implies ReadOnly
	Kind   Kind
	Label  string // default: made from Name
	Help   string

	Required  bool // at creation and in PUT
	Null      bool // may be null
	Blank     bool // text may be empty
	ReadOnly  bool
	WriteOnly bool
	Fixed     bool   // may be set at creation only; what updates say of it is ignored
	Unlogged  bool   // no part of the flat state in the change log
	Silent    bool   // its change alone is no change, and is not named among the changed fields
	NullText  string // instead of "This field may not be null."
	Default   any    // at creation when absent; default: the kind's own, or null
	Defaulted bool   // the column's default applies at creation when absent
	NoFilter  bool
	Mirrored  bool // a sync owns the value
}

func (f *Field) label() string {
	if f.Label != "" {
		return f.Label
	}
	return capitalise(spaced(f.Name))
}

// takesInput says whether a field without a column of its own may be written.
func (f *Field) takesInput() bool {
	switch f.Kind.(type) {
	case Tags, OneTime, linked:
		return true
	}
	return false
}

// isSecret says that the value of a field is for hooks alone.
func (f *Field) isSecret() bool {
	_, once := f.Kind.(OneTime)
	return f.WriteOnly || once
}

// sql returns the expression for the field's value in a row of the table alias.
func (f *Field) sql(alias string) string {
	if f.Expr != "" {
		return replaceAlias(f.Expr, alias)
	}
	return alias + "." + f.Column
}

func (f *Field) stored() bool { return f.Column != "-" && f.Expr == "" }
