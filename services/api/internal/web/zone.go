package web

import "time"

// zoneCookie is where a browser says in which time zone it is. It is set by theme.js.
const zoneCookie = "proxops_tz"

// zone is the time zone of who looks, or UTC if the browser does not say one.
func (p *page) zone() *time.Location {
	c, err := p.http.Cookie(zoneCookie)
	if err != nil || c.Value == "" || c.Value == "Local" || len(c.Value) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(c.Value)
	if err != nil {
		return time.UTC
	}
	return zone
}
