package rest

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// offer is a form in which a route answers.
type offer struct {
	media   string
	formats []string // of ?format=
}

// The forms of answers. Browsers, which NetBox shows pages to, get JSON.
var (
	offerJSON = offer{"application/json", []string{"json"}}
	offerHTML = offer{"text/html", []string{"api", "json"}}
	offerCSV  = offer{"text/csv", []string{"csv"}}

	plainOffers = []offer{offerJSON, offerHTML}
	listOffers  = []offer{offerJSON, offerHTML, offerCSV}
)

// offers returns the forms in which a route answers a method, the preferred one first.
func (rt *route) offered(method string) []offer {
	switch {
	case rt.offers != nil:
		return rt.offers
	case rt.list && rt.res != nil && (method == http.MethodGet || method == http.MethodHead):
		return listOffers
	}
	return plainOffers
}

// wish is one media type of an Accept header.
type wish struct {
	media   string
	params  map[string]string
	precise int // 0 for */*, then type/*, type/subtype, and type/subtype with parameters
	quality float64
}

// wishes reads Accept headers, the most precise first, as Django's REST framework does. Among equally precise ones, which are all the same to
// it, quality decides.
func wishes(header []string) []wish {
	text := strings.Join(header, ",")
	if strings.TrimSpace(text) == "" {
		return []wish{{media: "*/*"}}
	}
	var out []wish
	for part := range strings.SplitSeq(text, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || !strings.Contains(media, "/") {
			continue
		}
		w := wish{media: media, params: params, quality: 1}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			w.quality = q
		}
		delete(params, "q")
		switch {
		case strings.HasPrefix(media, "*/"):
		case strings.HasSuffix(media, "/*"):
			w.precise = 1
		case len(params) == 0:
			w.precise = 2
		default:
			w.precise = 3
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b wish) int {
		return cmp.Or(cmp.Compare(b.precise, a.precise), cmp.Compare(b.quality, a.quality))
	})
	return out
}

func (w wish) accepts(media string) bool {
	main, sub, _ := strings.Cut(w.media, "/")
	m, s, _ := strings.Cut(media, "/")
	return (main == "*" || main == m) && (sub == "*" || sub == s)
}

// negotiate chooses the form of the answer by ?format= and Accept.
func (q *request) negotiate(rt *route) error {
	if rt.anyForm {
		return nil
	}
	offers := rt.offered(q.method)
	if f := resource.Last(q.params["format"]); f != "" {
		offers = slices.DeleteFunc(slices.Clone(offers), func(o offer) bool { return !slices.Contains(o.formats, f) })
		if len(offers) == 0 {
			return errNoPath
		}
	}
	w, media := choose(wishes(q.http.Header.Values("Accept")), offers)
	if media == "" {
		return refusal{http.StatusNotAcceptable, "Could not satisfy the request Accept header."}
	}
	if v := w.params["version"]; v != "" && v != apiVersion {
		return refusal{http.StatusNotAcceptable, `Invalid version in "Accept" header.`}
	}
	if n, err := strconv.Atoi(w.params["indent"]); err == nil {
		q.pretty = max(0, min(n, 8))
	}
	q.media = media
	return nil
}

// choose returns the first offer that satisfies the first wish that any does. Where wishes are equally precise and good, the order of the
// offers counts.
func choose(wishes []wish, offers []offer) (wish, string) {
	for len(wishes) > 0 {
		same := 1
		for same < len(wishes) && wishes[same].precise == wishes[0].precise && wishes[same].quality == wishes[0].quality {
			same++
		}
		for _, o := range offers {
			for _, w := range wishes[:same] {
				if w.accepts(o.media) {
					return w, o.media
				}
			}
		}
		wishes = wishes[same:]
	}
	return wish{}, ""
}
