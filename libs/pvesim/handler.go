package pvesim

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ServeHTTP answers as the cluster does. Status lines with Proxmox VE's reasons need a server whose connections can be hijacked;
// without one the reasons are the usual ones.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, fault := c.answer(r)
	if !fault.alone() && a.status == http.StatusOK && connRequests(r.Context()) >= requestsPerConn {
		w.Header().Set("Connection", "close")
	}
	deliver(w, r, a, fault)
}

// answer counts the request and finds its answer, and the fault that spoils it.
func (c *Cluster) answer(r *http.Request) (answer, Fault) {
	path, inAPI := strings.CutPrefix(r.URL.EscapedPath(), apiPrefix)
	if !inAPI {
		path = r.URL.EscapedPath()
	}
	var (
		found  *route
		params map[string]string
	)
	if inAPI {
		found, params = find(path)
	}
	template := path
	if found != nil {
		template = found.path
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.add(r.Method, path, template)
	if found != nil && !found.span.covers(c.dialect.number) {
		found = nil
	}
	fault := c.fault(template, path)
	if fault.instead != nil {
		return fault.instead(c), fault
	}
	a := c.truth(r, inAPI, path, found, params)
	if fault.alter != nil && a.status == http.StatusOK {
		a = fault.alter(a)
	}
	return a, fault
}

// truth is the answer without faults.
func (c *Cluster) truth(r *http.Request, inAPI bool, path string, found *route, params map[string]string) answer {
	switch {
	case !inAPI && r.Method == http.MethodGet && path == "/":
		return front(nil)
	case !inAPI:
		return bare(http.StatusNotFound, fmt.Sprintf("no such file '%s'", path), 0)
	}
	token, reason := c.authenticate(r)
	if token == nil {
		return bare(http.StatusUnauthorized, reason, c.delays.Auth)
	}
	if found == nil || r.Method != http.MethodGet {
		return unimplemented(c.dialect, r.Method, path)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return bare(http.StatusBadRequest, "bad request", 0)
	}
	x := &exchange{
		dialect: c.dialect, world: c.served(), acl: c.aclOf(token), cluster: c, params: params, query: query,
	}
	return found.run(x)
}

// authenticate finds the token of a request, or the reason why there is none.
func (c *Cluster) authenticate(r *http.Request) (_ *Token, reason string) {
	given, isToken := strings.CutPrefix(r.Header.Get("Authorization"), "PVEAPIToken=")
	if !isToken {
		if _, err := r.Cookie("PVEAuthCookie"); err != nil {
			return nil, "No ticket"
		}
		return nil, c.because("permission denied - invalid PVE ticket") // none was ever issued
	}
	id, secret, _ := strings.Cut(given, "=")
	user, name, _ := strings.Cut(id, "!")
	reason = fmt.Sprintf("no such user ('%s')", user)
	for i := range c.tokens {
		t := &c.tokens[i]
		switch {
		case t.User != user:
			continue
		case t.Disabled:
			return nil, c.because(fmt.Sprintf("user '%s' is disabled", user))
		case t.Name != name:
			reason = fmt.Sprintf("no such token '%s' for user '%s'", name, user)
			continue
		case t.Expired:
			return nil, c.because("token expired")
		case c.trouble.revoked || subtle.ConstantTimeCompare([]byte(t.Secret), []byte(secret)) != 1:
			return nil, c.because("invalid token value!")
		}
		return t, ""
	}
	return nil, c.because(reason)
}

// because hides the cause of a refusal where newer releases do.
func (c *Cluster) because(cause string) string {
	if c.dialect.has(vagueAuthErrors) {
		return "Authentication failed!"
	}
	return cause
}

// deliver sends an answer, spoiled by a fault.
func deliver(w http.ResponseWriter, r *http.Request, a answer, fault Fault) {
	if !wait(r, a.delay+fault.hold) {
		return
	}
	if a.status == http.StatusOK && len(a.body) > gzipAbove && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		a.body = compress(a.body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	headers(w.Header(), a)
	switch {
	case fault.send != nil:
		fault.send(w, r, a)
	case a.status == http.StatusOK:
		_, _ = w.Write(a.body) // a client that went away misses nothing
	default:
		sendClosing(w, a, len(a.body))
	}
}

// wait pauses and tells whether the client is still there.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
