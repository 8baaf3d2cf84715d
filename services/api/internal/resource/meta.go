package resource

// meta is what OPTIONS says about a field.
type meta struct {
	Type      string
	Required  bool
	ReadOnly  bool
	Label     string
	Help      string
	MaxLength int
	Min, Max  *int64
	Choices   []Option
	Child     *meta
	Children  []namedMeta
}

type namedMeta struct {
	name string
	meta meta
}

// describe returns what OPTIONS says about f.
func (f *Field) describe(r *Resource) meta {
	m := f.Kind.meta(r, f)
	m.Required, m.ReadOnly, m.Label, m.Help = f.Required, f.ReadOnly, f.label(), f.Help
	if f.ReadOnly { // nothing can be chosen
		m.Min, m.Max, m.Choices = nil, nil, nil
	}
	return m
}

// Options answers OPTIONS of a list or of an object. The actions are those the client may use: POST, PUT, or none.
func (r *Resource) Options(list bool, actions []string) []byte {
	name := r.Verbose + " Instance"
	if list {
		name = r.Verbose + " List"
	}
	b := appendString([]byte(`{"name":`), name)
	b = appendString(append(b, `,"description":`...), "")
	b = append(b, `,"renders":["application/json","text/html"],"parses":["application/json","multipart/form-data"]`...)
	for i, action := range actions {
		if b = append(b, ','); i == 0 {
			b = append(b, `"actions":{`...)
		}
		b = append(appendString(b, action), ':', '{')
		for j := range r.Fields {
			if j > 0 {
				b = append(b, ',')
			}
			f := &r.Fields[j]
			b = f.describe(r).append(append(appendString(b, f.Name), ':'))
		}
		b = append(b, '}')
	}
	if len(actions) > 0 {
		b = append(b, '}')
	}
	return append(b, '}')
}

func (m meta) append(b []byte) []byte {
	b = appendString(append(b, `{"type":`...), m.Type)
	b = appendBool(append(b, `,"required":`...), m.Required)
	b = appendBool(append(b, `,"read_only":`...), m.ReadOnly)
	b = appendString(append(b, `,"label":`...), m.Label)
	if m.Help != "" {
		b = appendString(append(b, `,"help_text":`...), m.Help)
	}
	if m.MaxLength > 0 {
		b = appendInt(append(b, `,"max_length":`...), int64(m.MaxLength))
	}
	if m.Min != nil {
		b = appendInt(append(b, `,"min_value":`...), *m.Min)
	}
	if m.Max != nil {
		b = appendInt(append(b, `,"max_value":`...), *m.Max)
	}
	if m.Choices != nil {
		b = append(b, `,"choices":[`...)
		for i, c := range m.Choices {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(append(b, `{"value":`...), c.Value)
			b = append(appendString(append(b, `,"display_name":`...), c.Label), '}')
		}
		b = append(b, ']')
	}
	if m.Child != nil {
		b = m.Child.append(append(b, `,"child":`...))
	}
	if m.Children != nil {
		b = append(b, `,"children":{`...)
		for i, c := range m.Children {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.meta.append(append(appendString(b, c.name), ':'))
		}
		b = append(b, '}')
	}
	return append(b, '}')
}
