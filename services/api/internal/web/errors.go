package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// messages are what is wrong with fields, by name; what concerns the whole stands under "".
func messages(e resource.Errors) map[string][]string {
	out := map[string][]string{}
	text, err := e.MarshalJSON()
	if err != nil {
		return out
	}
	var v map[string]any
	if json.Unmarshal(text, &v) != nil {
		out[""] = []string{strings.Trim(string(text), `[]"`)}
		return out
	}
	for name, wrong := range v {
		if name == resource.Model || name == resource.NonField {
			name = ""
		}
		out[name] = append(out[name], flatten(wrong)...)
	}
	return out
}

// flatten makes a list of all texts in a value.
func flatten(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			out = append(out, flatten(e)...)
		}
	case map[string]any:
		for name, e := range v {
			for _, text := range flatten(e) {
				out = append(out, name+": "+text)
			}
		}
	}
	return out
}

// badChoice refuses a form that does not say what it must.
func badChoice(text string) error {
	return fault.Wrap(fault.Invalid, resource.Detail(text), "read the form")
}

// rejection is what concerns HTTP alone, and so is no kind of fault.
type rejection struct {
	status      int
	title, text string
}

// Error implements error.
func (r rejection) Error() string { return r.text }

var errOtherSite = rejection{
	http.StatusForbidden, "This form was sent from another site",
	"Nothing was done. If it was a page of Proxops that sent it, this server does not know its address: its proxy must be trusted, and say it in X-Forwarded-Host.",
}

// unreadable refuses a form that did not arrive as it must.
func unreadable(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return rejection{http.StatusRequestEntityTooLarge, "That is too much", fmt.Sprintf("The form is larger than %d MiB. Nothing was saved.", formSize>>20)}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return rejection{http.StatusRequestTimeout, "That took too long", fmt.Sprintf("The form took longer than %s to arrive. Nothing was saved.", formTime)}
	}
	return badChoice("The form could not be read to its end. Nothing was saved.")
}

// whole is everything that is wrong with a request, where there are no fields to say it at.
func whole(e resource.Errors) string {
	said := messages(e)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(said)) {
		all = append(all, said[name]...)
	}
	return visible(strings.Join(all, " "))
}
