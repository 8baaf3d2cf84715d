package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// CustomField is the definition of a custom field, as far as its values are concerned.
type CustomField struct {
	ID       int64
	Name     string
	Type     string // one of the Custom constants
	Required bool
	Unique   bool
	Logic    string // of its filter: "loose", "exact" or "disabled"
	Default  json.RawMessage
	Min, Max *float64
	Regex    string
	Set      string   // name of its choice set
	Choices  []Option // in the order in which they are offered

	Label, Group, Help string // for people; Label is "" if the name says it
	Visible            string // on pages: "always", "if-set" or "hidden"
	Editable           string // in forms: "yes", "no" or "hidden"
}

// The types of custom fields. Those that refer to objects do not exist here.
const (
	CustomText        = "text"
	CustomLongText    = "longtext"
	CustomInteger     = "integer"
	CustomDecimal     = "decimal"
	CustomBoolean     = "boolean"
	CustomDate        = "date"
	CustomDateTime    = "datetime"
	CustomURL         = "url"
	CustomJSON        = "json"
	CustomSelect      = "select"
	CustomMultiSelect = "multiselect"
)

// CustomFields returns the definitions of a resource's custom fields, in the order in which they are shown. They are read anew each time:
// any instance may have changed them.
func (s *Store) CustomFields(ctx context.Context, r *Resource) ([]CustomField, error) {
	if r.custom == nil {
		return nil, nil
	}
	rows, err := s.Pool.Query(ctx, definitionSQL, int32(r.Type))
	if err != nil {
		return nil, fmt.Errorf("read the custom fields of %s: %w", r.Name, err)
	}
	d, err := readDefinitions(rows)
	if err != nil {
		return nil, fmt.Errorf("read the custom fields of %s: %w", r.Name, err)
	}
	return d.fields, nil
}

// shownOrder is the order of custom fields in objects.
const shownOrder = " ORDER BY f.group_name, f.weight, f.name"

// definitionSQL reads what filters and writes need to know.
const definitionSQL = `SELECT f.id::bigint, f.name, f.type, f.required, f."unique", f.filter_logic, f."default"::text,
	f.validation_minimum, f.validation_maximum, f.validation_regex, coalesce(s.name, ''), coalesce(s.extra_choices, '[]')::text, coalesce(s.order_alphabetically, false),
	f.label, f.group_name, f.description, f.ui_visible, f.ui_editable
	FROM custom_field_object_types o JOIN custom_fields f ON f.id = o.custom_field_id LEFT JOIN custom_field_choice_sets s ON s.id = f.choice_set_id
	WHERE o.object_type_id = $1` + shownOrder

// nameSQL reads what showing objects needs to know.
const nameSQL = "SELECT f.name FROM custom_field_object_types o JOIN custom_fields f ON f.id = o.custom_field_id WHERE o.object_type_id = $1" + shownOrder

// definitions are the custom fields of one object type, as one transaction or one page sees them.
type definitions struct {
	fields []CustomField // empty if only names were read
	names  []customName
	blank  []byte // the object in which none is set
}

type customName struct {
	quoted []byte // as in JSON
	key    []byte // with what stands before it in an object
}

func (d *definitions) name(names []string) *definitions {
	d.names, d.blank = make([]customName, len(names)), []byte{}
	for i, n := range names {
		quoted := appendString(nil, n)
		key := append(append([]byte{','}, quoted...), ':')
		if i == 0 {
			key[0] = '{'
		}
		d.names[i] = customName{quoted, key}
		d.blank = append(append(d.blank, key...), "null"...)
	}
	if len(names) == 0 {
		d.blank = append(d.blank, '{')
	}
	d.blank = append(d.blank, '}')
	return d
}

func readNames(rows pgx.Rows) (*definitions, error) {
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the names of custom fields: %w", err)
	}
	return new(definitions).name(names), nil
}

func readDefinitions(rows pgx.Rows) (*definitions, error) {
	fields, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f CustomField, err error) {
		var otherwise *string
		var choices string
		var sorted bool
		err = row.Scan(&f.ID, &f.Name, &f.Type, &f.Required, &f.Unique, &f.Logic, &otherwise, &f.Min, &f.Max, &f.Regex, &f.Set, &choices, &sorted,
			&f.Label, &f.Group, &f.Help, &f.Visible, &f.Editable)
		if err != nil {
			return f, fmt.Errorf("read a custom field: %w", err)
		}
		if otherwise != nil && *otherwise != "null" {
			f.Default = json.RawMessage(*otherwise)
		}
		f.Choices, err = ReadPairs([]byte(choices))
		if sorted {
			slices.SortStableFunc(f.Choices, byValue)
		}
		return f, err
	})
	if err != nil {
		return nil, err
	}
	d := &definitions{fields: fields}
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return d.name(names), nil
}

// queueCustom adds to a batch what a page or an object needs to know of custom fields, if its form shows them.
func (p *plan) queueCustom(batch *pgx.Batch, t change.ObjectType) {
	if p.custom {
		batch.Queue(nameSQL, int32(t))
	}
}

// readCustom reads what queueCustom asked for; nil if that was nothing.
func (p *plan) readCustom(results pgx.BatchResults) (*definitions, error) {
	if !p.custom {
		return nil, nil
	}
	rows, err := results.Query()
	if err != nil {
		return nil, fmt.Errorf("read the names of custom fields: %w", err)
	}
	return readNames(rows)
}

// append writes the values of an object: each custom field, null where it has no value. What no definition names is not shown. Without
// definitions it writes the values as they are stored.
func (d *definitions) append(b, data []byte) []byte {
	if d == nil {
		return appendJSON(b, data, true)
	}
	var few [24]member
	members := membersOf(data, few[:0])
	if len(members) == 0 || len(d.names) == 0 {
		return append(b, d.blank...)
	}
	for _, n := range d.names {
		b = append(b, n.key...)
		i := slices.IndexFunc(members, func(m member) bool { return string(m.key) == string(n.quoted) })
		if i < 0 {
			b = append(b, "null"...)
			continue
		}
		b = appendJSON(b, members[i].text, true)
	}
	return append(b, '}')
}
