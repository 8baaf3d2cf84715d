package rest

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// indent lays JSON out as Python does.
func indent(body []byte, blanks int) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", strings.Repeat(" ", blanks)); err != nil {
		return body
	}
	return out.Bytes()
}

// encode writes JSON without escaping HTML, as NetBox does.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only texts and lists of them come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// Origin returns scheme and host as the client knows them.
func (a *API) Origin(r *http.Request) (string, error) {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if a.trusted(r) {
		if h := first(r.Header.Get("X-Forwarded-Host")); h != "" {
			host = h
		}
		if first(r.Header.Get("X-Forwarded-Proto")) == "https" {
			scheme = "https"
		}
	}
	if !plainHost.MatchString(host) {
		return "", fault.Wrap(fault.Invalid, resource.Detail("The Host header is not valid."), "read the host")
	}
	return scheme + "://" + host, nil
}

// trusted says whether the request comes from a proxy whose word is taken.
func (a *API) trusted(r *http.Request) bool {
	addr := remote(r)
	return addr.IsValid() && a.isProxy(addr)
}

func (a *API) isProxy(addr netip.Addr) bool {
	for _, p := range a.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

// Client returns the address of the client: behind trusted proxies, the last one in the chain that is none of them.
func (a *API) Client(r *http.Request) netip.Addr {
	addr := remote(r)
	if !a.trusted(r) {
		return addr
	}
	if told, ok := address(r.Header.Get("X-Real-IP")); ok {
		return told
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(chain) {
		hop, ok := address(text)
		if !ok {
			break
		}
		if addr = hop; !a.isProxy(addr) {
			break
		}
	}
	return addr
}

// address reads an address as proxies write it, perhaps with a port.
func address(text string) (addr netip.Addr, ok bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}

// first returns what stands before the first comma of a header.
func first(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return strings.TrimSpace(s)
}
