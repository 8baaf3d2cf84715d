package resource

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ReadPairs reads the choices of a set, [["value", "Label"], ...].
func ReadPairs(text []byte) ([]Option, error) {
	var list [][]string
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read choices: %w", err)
	}
	out := make([]Option, 0, len(list))
	for _, p := range list {
		if len(p) == 2 {
			out = append(out, Option{p[0], p[1]})
		}
	}
	return out, nil
}

func byValue(a, b Option) int { return strings.Compare(a.Value, b.Value) }

// offers says whether a value is one of the choices of a field.
func (f *CustomField) offers(v any) bool {
	s, ok := v.(string)
	return ok && slices.ContainsFunc(f.Choices, func(o Option) bool { return o.Value == s })
}
