package resource

import (
	"regexp"
	"strconv"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// DateTime is an instant, kept in microseconds.
type DateTime struct {
	common
	Stamp  bool // created and last_updated: "empty" is no lookup of theirs but a bad time, as in NetBox
	Range  bool // there are also filters x_after and x_before
	Bounds bool // there are also filters x__after and x__before
}

func (DateTime) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte {
		if r.Vals[i] == nil {
			return append(b, "null"...)
		}
		b = appendTime(append(b, '"'), decodeTime(r.Vals[i]))
		return append(b, '"')
	}
}

func (DateTime) decode(v []byte) any { return decodeTime(v) }

func (DateTime) flat(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano) // as libs/change writes times
	}
	return v
}

func (DateTime) read(_ *input, _ *Field, v any) (any, []string) {
	const invalid = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
	s, ok := v.(string)
	if !ok {
		return nil, []string{invalid}
	}
	t, ok := parseTime(s)
	if !ok {
		return nil, []string{invalid}
	}
	return t, nil
}

func (k DateTime) filters(f *Field, add func(string, filter)) {
	const invalid = "Enter a valid date/time."
	parse := func(s string) (any, bool) {
		t, ok := parseTime(s)
		return t, ok
	}
	numberLookups(f, "timestamptz", parse, invalid, add)
	if k.Range {
		for suffix, operator := range map[string]string{"_after": " >= ", "_before": " <= "} {
			add(suffix, func(q *query, _ string, values []string) {
				if args := parseAll(q, f.Name, lastValue(values), parse, invalid); args != nil {
					q.cond(f.sql("t") + operator + q.arg(args[0]) + "::timestamptz")
				}
			})
		}
	}
	if k.Bounds {
		for suffix, operator := range map[string]string{"after": " >= ", "before": " <= "} {
			add(suffix, func(q *query, param string, values []string) {
				if args := parseAll(q, param, lastValue(values), parse, invalid); args != nil {
					q.cond(f.sql("t") + operator + q.arg(args[0]) + "::timestamptz")
				}
			})
		}
	}
	if k.Stamp {
		add("empty", func(q *query, param string, values []string) {
			if args := parseAll(q, param, values, parse, invalid); args != nil {
				q.cond(f.sql("t") + " IS NULL")
			}
		})
	}
}

func (DateTime) meta(_ *Resource, _ *Field) meta { return meta{Type: "datetime"} }

var timeForm = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$`)

// ParseTime reads a time as filters do.
func ParseTime(s string) (time.Time, bool) { return parseTime(s) }

// parseTime reads the forms of ISO 8601 that Django does. What names no zone is in UTC, a bare date is its midnight.
func parseTime(s string) (time.Time, bool) {
	m := timeForm.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	var n [6]int
	for i, text := range m[1:7] {
		n[i], _ = strconv.Atoi(text) // digits, or empty for 0
	}
	micro, _ := strconv.Atoi((m[7] + "000000")[:6])
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], micro*1000, time.UTC)
	if n[0] < 1 || t.Month() != time.Month(n[1]) || t.Day() != n[2] || t.Hour() != n[3] || t.Minute() != n[4] || t.Second() != n[5] {
		return time.Time{}, false
	}
	return t.Add(-zone(m[8])), true
}

// zone reads Z, +HH, +HHMM or +HH:MM.
func zone(s string) time.Duration {
	if len(s) < 3 {
		return 0
	}
	hours, _ := strconv.Atoi(s[1:3])
	minutes := 0
	if len(s) > 3 {
		minutes, _ = strconv.Atoi(s[len(s)-2:])
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		return -d
	}
	return d
}

func (DateTime) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewDateTimeSchema().NewRef(), nil
}

func (DateTime) query(*Field) *openapi3.Schema { return openapi3.NewDateTimeSchema() }
