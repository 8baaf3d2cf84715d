package resource

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// plan is one form of a resource's objects: which columns and joins it needs, and what writes a row.
type plan struct {
	columns []string
	joins   []string
	encode  appender
	custom  bool              // shows custom fields, so a Row needs their definitions
	sure    func(*Field) bool // references that always lead to a row, so that joins may go either way; nil: none is trusted to

	index   map[string]int
	aliases map[string]string
	loose   map[string]bool // aliases whose row may be missing
	prefix  string          // of the aliases
}

func newPlan() *plan {
	return &plan{index: map[string]int{}, aliases: map[string]string{}, loose: map[string]bool{}}
}

// inner returns a plan for a query within this one, whose aliases are others.
func (p *plan) inner() *plan {
	in := newPlan()
	in.prefix = p.prefix + "m"
	return in
}

// value asks for the value of an SQL expression and returns its place in Row.Vals.
func (p *plan) value(expr string) int {
	if i, ok := p.index[expr]; ok {
		return i
	}
	p.columns = append(p.columns, expr)
	p.index[expr] = len(p.columns) - 1
	return len(p.columns) - 1
}

// join asks for the row that the reference f of the table alias refers to, and returns its alias.
func (p *plan) join(alias string, f *Field, to *Resource) string {
	return p.joinWith(f.sql(alias), to, p.loose[alias] || p.sure == nil || !p.sure(f))
}

// joinOn asks for the row of a resource with the id that an expression gives, if there is one, and returns its alias.
func (p *plan) joinOn(id string, to *Resource) string { return p.joinWith(id, to, true) }

func (p *plan) joinWith(id string, to *Resource, outer bool) string {
	if a, ok := p.aliases[id]; ok {
		return a
	}
	kind, a := "JOIN ", p.prefix+"j"+strconv.Itoa(len(p.joins)+1)
	if outer {
		kind = "LEFT JOIN "
	}
	p.joins = append(p.joins, kind+to.Table+" "+a+" ON "+a+".id = "+id)
	p.aliases[id], p.loose[a] = a, outer
	return a
}

func (p *plan) columnSQL() string { return strings.Join(p.columns, ", ") }

func (p *plan) joinSQL() string { return strings.Join(p.joins, " ") }

// object returns what writes an object of r as the shape says. The shape has been checked.
func (p *plan) object(r *Resource, alias string, s Shape) appender {
	if len(s) == 0 {
		return func(b []byte, _ *Row) []byte { return append(b, '{', '}') }
	}
	keys, values := make([][]byte, len(s)), make([]appender, len(s))
	for i, pick := range s {
		f := r.fields[pick.Name]
		keys[i] = append(appendString([]byte{','}, pick.Name), ':')
		values[i] = f.Kind.encode(p, r, alias, f, pick.Of)
	}
	keys[0][0] = '{'
	return func(b []byte, row *Row) []byte {
		for i, key := range keys {
			b = values[i](append(b, key...), row)
		}
		return append(b, '}')
	}
}

// planCache keeps the plans of a resource by their selection. It is bounded, as clients choose selections.
type planCache struct {
	mu    sync.Mutex
	plans map[string]*plan
}

const maxPlans = 256

// plan returns the plan for a shape, which must be one of r.
func (r *Resource) plan(s Shape) *plan {
	key := s.key()
	r.plans.mu.Lock()
	defer r.plans.mu.Unlock()
	if p := r.plans.plans[key]; p != nil {
		return p
	}
	p := newPlan()
	p.encode = p.object(r, "t", s)
	if r.plans.plans == nil || len(r.plans.plans) >= maxPlans {
		r.plans.plans = map[string]*plan{}
	}
	r.plans.plans[key] = p
	return p
}

func (s Shape) key() string {
	var b strings.Builder
	for _, p := range s {
		b.WriteString(p.Name)
		if p.Of != nil {
			b.WriteString("(" + p.Of.key() + ")")
		}
		b.WriteByte(',')
	}
	return b.String()
}

// Selection is what a client asks to see of each object. The first of Fields, Omit and Brief that is given counts, as in NetBox.
type Selection struct {
	Fields []string // nil: not given
	Omit   []string
	Brief  bool
}

// shape returns the form of r's objects for a selection. Unknown names are ignored.
func (r *Resource) shape(sel Selection) Shape {
	if sel.Fields == nil && sel.Omit == nil && sel.Brief {
		return r.Brief
	}
	s := make(Shape, 0, len(r.Fields))
	for i := range r.Fields {
		name := r.Fields[i].Name
		switch {
		case r.Fields[i].WriteOnly:
		case sel.Fields != nil && !slices.Contains(sel.Fields, name):
		case sel.Fields == nil && slices.Contains(sel.Omit, name):
		default:
			s = append(s, Pick{Name: name})
		}
	}
	return s
}
