package resource

// Lists are their items, separated by commas, as tags are. References are the names of their objects.

func (k References) tabulate(p *plan, r *Resource, alias string, f *Field) []column {
	to := r.set.byName[k.To]
	return []column{{f.Name, word(p.value("(SELECT string_agg(n." + to.knownBy() + ", ',' ORDER BY n." + to.knownBy() + ") FROM " + k.Via.Table + " l JOIN " + to.Table +
		" n ON n.id = l." + k.Via.Other + " WHERE l." + k.Via.Own + " = " + alias + ".id)"))}}
}

func (k ObjectTypes) tabulate(p *plan, _ *Resource, alias string, f *Field) []column {
	return []column{{f.Name, word(p.value("array_to_string(" + k.held(alias) + ", ',')"))}}
}

func (Networks) tabulate(p *plan, _ *Resource, alias string, f *Field) []column {
	return []column{{f.Name, word(p.value("array_to_string(" + f.sql(alias) + "::text[], ',')"))}}
}

func (TextItems) tabulate(p *plan, _ *Resource, alias string, f *Field) []column {
	return []column{{f.Name, word(p.value("(SELECT string_agg(e, ',') FROM jsonb_array_elements_text(" + f.sql(alias) + ") e)"))}}
}

// What is shown once has no place in a list.
func (OneTime) tabulate(*plan, *Resource, string, *Field) []column { return nil }
