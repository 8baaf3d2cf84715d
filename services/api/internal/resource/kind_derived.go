package resource

import (
	"cmp"
	"strconv"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/change"
)

// URL is the absolute address of an object.
type URL struct {
	derived
	Page bool   // of the page for people instead of the API's object
	Path string // of that page, if it is not that of the API
}

func (k URL) encode(p *plan, r *Resource, alias string, _ *Field, _ Shape) appender {
	id := p.value(alias + ".id")
	path := "/api/" + r.Path + "/"
	if k.Page {
		path = "/" + cmp.Or(k.Path, r.Path) + "/"
	}
	return func(b []byte, row *Row) []byte {
		// An origin is made of a checked host, so it needs no escaping.
		b = append(append(append(b, '"'), row.Origin...), path...)
		b = append(strconv.AppendInt(b, decodeInt(row.Vals[id]), 10), '/')
		if !k.Page {
			b = append(b, row.Suffix...)
		}
		return append(b, '"')
	}
}

func (URL) meta(*Resource, *Field) meta { return meta{Type: "field"} }

// Words is text made from columns of the object.
type Words struct {
	derived
	Needs []string // names of fields, "virtual_machine.name" through a reference
	Write func(b []byte, a Args) []byte
}

// Args are the values that a Words field needs, in the order of Needs.
type Args struct {
	row   *Row
	index []int
}

// Text returns the value of the need number i, nil for null. It must not be kept.
func (a Args) Text(i int) []byte { return a.row.Vals[a.index[i]] }

// Type returns the value of the need number i, which is an ObjectType.
func (a Args) Type(i int) change.ObjectType { return change.ObjectType(decodeInt(a.Text(i))) }

// Time returns the value of the need number i, which is a DateTime.
func (a Args) Time(i int) time.Time { return decodeTime(a.Text(i)) }

// Int returns the value of the need number i, which is a whole number.
func (a Args) Int(i int) int64 { return decodeInt(a.row.Vals[a.index[i]]) }

func (k Words) encode(p *plan, r *Resource, alias string, _ *Field, _ Shape) appender {
	write := k.text(p, r, alias)
	return func(b []byte, row *Row) []byte {
		start := len(b)
		b = write(append(b, '"'), row)
		for _, c := range b[start+1:] {
			if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
				return appendString(b[:start], string(b[start+1:]))
			}
		}
		return append(b, '"')
	}
}

// text returns what appends the bare text.
func (k Words) text(p *plan, r *Resource, alias string) appender {
	index := make([]int, len(k.Needs))
	for i, need := range k.Needs {
		through, f, err := r.resolve(need)
		if err != nil {
			panic(err) // any test of the declaration shows it
		}
		at := alias
		if through != nil {
			at = p.join(alias, through, r.target(through))
		}
		index[i] = p.value(f.sql(at))
	}
	return func(b []byte, row *Row) []byte { return k.Write(b, Args{row, index}) }
}

func (Words) meta(*Resource, *Field) meta { return meta{Type: "field"} }

// Name is the display of resources that are known by one field.
func Name(field string) Words {
	return Words{Needs: []string{field}, Write: func(b []byte, a Args) []byte { return append(b, a.Text(0)...) }}
}

func (URL) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().WithFormat("uri").NewRef(), nil
}

func (Words) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().NewRef(), nil
}
