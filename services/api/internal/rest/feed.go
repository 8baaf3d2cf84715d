package rest

import (
	"net/http"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Programs that show calendars send no headers of ours, but know names and passwords. They get a token as the password: an address with a token in it
// would be in the logs of whatever is between, and go wherever the address goes. As such programs keep passwords in their own ways, the token must not be
// able to write.

var errFeedWrites = fault.Wrap(fault.Denied, resource.Detail("A calendar takes only tokens that cannot write: make one with write_enabled false."), "check the token of a calendar")

// isFeed says that a program asks for a calendar.
func (q *request) isFeed(rt *route) bool { return rt.feed && q.media == offerICS.media }

// withToken returns a request with the password of Basic as its token; one without is returned as it is.
func withToken(r *http.Request) *http.Request {
	_, password, basic := r.BasicAuth()
	if !basic || password == "" {
		return r
	}
	other := *r
	other.Header = r.Header.Clone()
	other.Header.Set("Authorization", "Bearer "+password)
	return &other
}

// challenge asks programs that want a calendar for a name and a password: without that they send none.
func (q *request) challenge(rt *route, refused response) response {
	if refused.status == http.StatusForbidden && q.isFeed(rt) && (q.who == nil || q.who.Anonymous) {
		refused.status = http.StatusUnauthorized
		refused.header = map[string]string{"WWW-Authenticate": `Basic realm="Proxops", charset="UTF-8"`}
	}
	return refused
}
