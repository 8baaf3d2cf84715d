package render

import (
	"cmp"
	"slices"

	"github.com/proxops/proxops/libs/change"
)

// custom is the custom fields of one type of job, in the order in which objects show them.
type custom struct {
	names []string
	keys  []string // with what stands before them in an object
	blank string   // the object in which none is set
}

// AddCustomField says that jobs of a type have a custom field, after those that were added before. Names need no escapes in JSON.
func (n *Names) AddCustomField(t change.ObjectType, name string) {
	if n.custom == nil {
		n.custom = map[change.ObjectType]*custom{}
	}
	c := n.custom[t]
	if c == nil {
		c = &custom{}
		n.custom[t] = c
	}
	key := `,"` + name + `":`
	if len(c.keys) == 0 {
		key = "{" + key[1:]
	}
	c.names, c.keys, c.blank = append(c.names, name), append(c.keys, key), c.blank+key+null
}

// appendCustom writes the values of custom fields as REST does: each field that the type has, null where it has no value. Values of fields that
// are gone by now come last: the job had them then.
func (n *Names) appendCustom(dst []byte, t change.ObjectType, state string) []byte {
	c := n.custom[t]
	if c == nil {
		c = &custom{}
	}
	var few [16]string
	values := append(few[:0], make([]string, len(c.names))...)
	var gone []byte
	found := false
	if !isNull(state) {
		// What is no object has no values.
		_ = eachField(state, func(name, value string) {
			found = true
			if i := slices.Index(c.names, name); i >= 0 {
				values[i] = value
				return
			}
			gone = append(append(append(gone, `,"`...), name...), `":`...)
			gone = appendCompact(gone, value)
		})
	}
	if !found {
		return append(append(dst, cmp.Or(c.blank, "{")...), '}')
	}
	start := len(dst)
	for i, key := range c.keys {
		dst = append(dst, key...)
		if values[i] == "" {
			dst = append(dst, null...)
			continue
		}
		dst = appendCompact(dst, values[i])
	}
	dst = append(dst, gone...)
	dst[start] = '{' // the first comma
	return append(dst, '}')
}
