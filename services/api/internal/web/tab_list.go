package web

import (
	"context"
	"net/url"
	"strconv"
)

// tabList is a page of a list that a tab of an object shows, the newest first.
type tabList struct {
	rows                 []object
	total, offset, limit int

	path  string
	asked string // the size of the page, if the address says one
}

// tabList reads a page of what a list has about an object, as the address says.
func (p *page) tabList(ctx context.Context, s *sheet, name string, query url.Values) (*tabList, error) {
	params := p.http.URL.Query()
	l := &tabList{path: s.base() + s.current, limit: p.limit(params), asked: params.Get("limit")}
	l.offset, _ = strconv.Atoi(params.Get("offset")) // what is no number is the beginning
	l.offset = max(0, l.offset)
	query.Set("limit", strconv.Itoa(l.limit))
	query.Set("offset", strconv.Itoa(l.offset))
	found, err := p.read(ctx, name, query)
	if err != nil {
		return nil, err
	}
	l.rows, l.total = found.list("results"), int(found.number("count"))
	return l, nil
}

// at is the address of the page that begins at an offset.
func (l *tabList) at(offset int) string {
	v := url.Values{}
	if l.asked != "" {
		v.Set("limit", l.asked)
	}
	if offset > 0 {
		v.Set("offset", strconv.Itoa(offset))
	}
	if q := v.Encode(); q != "" {
		return l.path + "?" + q
	}
	return l.path
}

// newer and older are the addresses of the pages around, "" where there is none.
func (l *tabList) newer() string {
	if l.offset == 0 {
		return ""
	}
	return l.at(l.offset - l.limit)
}

func (l *tabList) older() string {
	if l.offset+l.limit >= l.total {
		return ""
	}
	return l.at(l.offset + l.limit)
}
