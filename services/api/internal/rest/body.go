package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/wire"
)

// bodies bound what requests send.
type bodies struct {
	max     int64         // bytes
	timeout time.Duration // for a client to send them
}

// ordinary are the bounds of all requests. A list of a thousand jobs takes about half a MiB.
var ordinary = bodies{max: 10 << 20, timeout: 30 * time.Second}

// moderate are the bounds of requests that name some objects.
var moderate = bodies{max: 256 << 10, timeout: 30 * time.Second}

// small are the bounds of requests that anybody may send.
var small = bodies{max: 16 << 10, timeout: 10 * time.Second}

// readBody returns the decoded body of a request: JSON, or a resource.FormData; an empty object if there is none.
func readBody(w http.ResponseWriter, r *http.Request) (any, error) { return ordinary.read(w, r) }

func (l bodies) read(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := l.bytes(w, r)
	if err != nil || len(body) == 0 {
		return map[string]any{}, err
	}
	given := r.Header.Get("Content-Type")
	media, _, _ := strings.Cut(given, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/json":
		v, wrong := wire.DecodeJSON(body)
		if wrong != "" {
			return nil, malformed("JSON parse error - " + wrong)
		}
		return v, nil
	case "multipart/form-data":
		_, params, _ := mime.ParseMediaType(given)
		return decodeForm(body, params["boundary"])
	}
	return nil, refusal{http.StatusUnsupportedMediaType, `Unsupported media type "` + strings.ToValidUTF8(given, "\uFFFD") + `" in request.`}
}

// bytes reads the body within the bounds.
func (l bodies) bytes(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// A writer that cannot set deadlines, as in tests, has none.
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(l.timeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, l.max))
	if err == nil {
		// The server goes on reading to notice that the client leaves: that has no end.
		_ = controller.SetReadDeadline(time.Time{})
		return body, nil
	}
	// What is left of the body would be taken for the next request.
	w.Header().Set("Connection", "close")
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The request body is larger than %s. Send what it has in several requests.", size(l.max))}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, refusal{http.StatusRequestTimeout, fmt.Sprintf("The request body took longer than %s to arrive.", l.timeout)}
	}
	return nil, fault.Wrap(fault.Invalid, resource.Detail("The request body could not be read to its end."), "read the body")
}

func size(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

func malformed(text string) error {
	return fault.Wrap(fault.Invalid, resource.Detail(text), "decode the body")
}

// decodeForm reads the texts of a form. Files are left out: no field takes one.
func decodeForm(body []byte, boundary string) (any, error) {
	if boundary == "" {
		return nil, malformed("Multipart form parse error - Invalid boundary in multipart: None")
	}
	out := resource.FormData{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, malformed("Multipart form parse error - " + err.Error())
		}
		if part.FileName() != "" || part.FormName() == "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed("Multipart form parse error - " + err.Error())
		}
		name := strings.ToValidUTF8(part.FormName(), "\uFFFD")
		out[name] = append(out[name], strings.ToValidUTF8(string(value), "\uFFFD"))
	}
}
