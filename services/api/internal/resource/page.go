package resource

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits bound pages.
type Limits struct {
	Default int // rows of a page for which no limit is given
	Max     int // rows of any page; 0: no bound
	Walk    int // rows into a list up to which it is walked row by row, deeper pages are found by counts; 0: 2000
}

// page is which rows of a list a client asks for.
type page struct {
	limit, offset int // limit 0: all rows
	walk          int
	cursor        bool
	start         int64
}

// readPage reads limit, offset and start. Bad limits and offsets are the default, as in NetBox; a bad start is an error.
func readPage(params url.Values, l Limits) (page, error) {
	p := page{limit: l.Default, offset: natural(Last(params["offset"]), 0), walk: cmp.Or(l.Walk, defaultWalk)}
	if l.Max > 0 {
		p.limit = min(p.limit, l.Max)
	}
	switch n := natural(Last(params["limit"]), -1); {
	case n == 0:
		p.limit = l.Max
	case n > 0 && l.Max > 0:
		p.limit = min(n, l.Max)
	case n > 0:
		p.limit = n
	}
	start, given := params["start"]
	if !given {
		return p, nil
	}
	if _, both := params["offset"]; both {
		return p, whole("'start' and 'offset' are mutually exclusive.")
	}
	if Last(params["ordering"]) != "" {
		return p, whole("Ordering cannot be specified in conjunction with cursor-based pagination.")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(Last(start)), 10, 64)
	if n < 0 || (err != nil && !isRange(err)) {
		return p, whole("Invalid 'start' parameter: must be a non-negative integer.")
	}
	p.cursor, p.start, p.offset = true, n, 0
	return p, nil
}

// natural reads a number that is not negative; numbers too large are the largest that fits a 32-bit column.
func natural(s string, otherwise int) int {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if n < 0 || (err != nil && !isRange(err)) {
		return otherwise
	}
	return int(min(n, math.MaxInt32))
}

// links returns the addresses of the next and the previous page, "" for none. All parameters are kept; they come sorted by name.
func (p page) links(base string, params url.Values, count, rows int, lastID int64) (next, previous string) {
	if p.limit == 0 {
		return "", ""
	}
	with := func(name string, value int64) string {
		v := url.Values{}
		for k, vs := range params {
			v[k] = slices.Clone(vs)
		}
		v.Set("limit", strconv.Itoa(p.limit))
		if v.Del("offset"); name != "" {
			v.Set(name, strconv.FormatInt(value, 10))
		}
		return base + "?" + v.Encode()
	}
	if p.cursor {
		if rows < p.limit {
			return "", ""
		}
		return with("start", lastID+1), ""
	}
	if p.offset+p.limit < count {
		next = with("offset", int64(p.offset+p.limit))
	}
	switch {
	case p.offset <= 0:
	case p.offset <= p.limit:
		previous = with("", 0)
	default:
		previous = with("offset", int64(p.offset-p.limit))
	}
	return next, previous
}
