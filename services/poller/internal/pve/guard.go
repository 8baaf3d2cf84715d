package pve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxErrorBody is how much of an error's body is read, in bytes.
const maxErrorBody = 4 << 10

var errNotGET = errors.New("refused to send anything but a GET to a cluster")

// guard stands between go-proxmox and the network. go-proxmox takes several failures for empty lists, so only a 200 gets
// through, with a body that fails instead of ending early; redirects end here, too. And nothing but a GET gets out.
type guard struct{ cluster *Cluster }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.Body != nil {
		return nil, errNotGET
	}
	g.cluster.requests.Add(1)
	resp, err := g.cluster.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		resp.Body = &body{ReadCloser: resp.Body, left: g.cluster.options.MaxBody}
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	// Whatever of the body arrives is only a help to understand the status.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return nil, newStatusError(resp, text, g.cluster.plain)
}

// statusError is an answer other than 200.
type statusError struct {
	status int
	// reason is the phrase of the status line, which carries Proxmox VE's own text.
	reason string
	// message is the same in the body, from libpve-http-server 5.2 on.
	message string
	// errors tells per parameter what is wrong with it.
	errors map[string]string
}

// newStatusError reads an error's texts, each of which plain makes fit to be shown.
func newStatusError(resp *http.Response, text []byte, plain func(string) string) *statusError {
	e := &statusError{
		status: resp.StatusCode,
		reason: strings.TrimSpace(plain(strings.TrimPrefix(resp.Status, strconv.Itoa(resp.StatusCode)))),
		errors: map[string]string{},
	}
	var told struct {
		Message any            `json:"message"`
		Errors  map[string]any `json:"errors"`
	}
	// Many errors have no body, or that of something between: the status line is enough then.
	if json.Unmarshal(text, &told) != nil {
		return e
	}
	if s, ok := told.Message.(string); ok {
		e.message = strings.TrimSpace(plain(s))
	}
	for key, v := range told.Errors {
		if s, ok := v.(string); ok {
			e.errors[plain(key)] = plain(s)
		}
	}
	return e
}

func (e *statusError) Error() string {
	text := strconv.Itoa(e.status)
	if e.reason != "" {
		text += " " + e.reason
	}
	if e.message != "" && e.message != e.reason {
		text += " (" + e.message + ")"
	}
	var about strings.Builder
	for _, key := range slices.Sorted(maps.Keys(e.errors)) {
		fmt.Fprintf(&about, " (%s: %s)", key, e.errors[key])
	}
	return text + about.String()
}

// says tells whether Proxmox VE's own text, in the status line or in the body, starts like that.
func (e *statusError) says(prefix string) bool {
	return strings.HasPrefix(e.reason, prefix) || strings.HasPrefix(e.message, prefix)
}

// body is the body of a 200. It fails at its limit rather than ending there, and its failures can be told from others.
type body struct {
	io.ReadCloser

	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.atLimit()
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		err = cutError{err}
	}
	return n, err
}

// atLimit tells a body that ends exactly at the limit from a longer one.
func (b *body) atLimit() error {
	var one [1]byte
	switch n, err := b.ReadCloser.Read(one[:]); {
	case n > 0:
		return errTooLarge
	case err == io.EOF:
		return io.EOF
	case err != nil:
		return cutError{err}
	}
	return nil
}

var errTooLarge = errors.New("the answer is larger than any list of a cluster")

// cutError is a body that broke off.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }
