package rest

import (
	"slices"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// ignoredHeader names the query parameters of a request for a list, or for events, that had no effect, as nothing of that name is known.
const ignoredHeader = "X-Ignored-Parameters"

const (
	maxIgnored     = 20 // names in the header
	maxIgnoredName = 64 // characters of each
)

// listParameters are what lists know beside filters.
var listParameters = []string{"limit", "offset", "start", "ordering", "q", "brief", "fields", "omit", "exclude", "format", "export"}

// ignored returns the value of the header for a list request: names in alphabetical order, "..." at the end if there are more. custom has the
// filters by custom fields.
func (q *request) ignored(r *resource.Resource, custom map[string]bool) string {
	return q.unknown(func(name string) bool {
		asked, include := strings.CutPrefix(name, includePrefix)
		return include && slices.Contains(q.lean, asked) || slices.Contains(listParameters, name) || r.Filtered(name) || custom[name]
	})
}

// unknown is that of any request, by what its route knows.
func (q *request) unknown(known func(name string) bool) string {
	var names []string
	for name := range q.params {
		if name != "" && !known(name) {
			names = append(names, printable(name))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxIgnored {
		names = append(names[:maxIgnored], "...")
	}
	return strings.Join(names, ", ")
}

// printable makes a name fit for a header: what is no letter, digit or one of a few signs becomes "?".
func printable(name string) string {
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.[]", c) {
			return c
		}
		return '?'
	}, name)
	if len(clean) > maxIgnoredName {
		clean = clean[:maxIgnoredName] + "..."
	}
	return clean
}
