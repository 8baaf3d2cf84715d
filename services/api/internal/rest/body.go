package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

const (
	// maxBody bounds the body of a request.
	maxBody = 10 << 20
	// maxDepth bounds how deep its JSON is nested.
	maxDepth = 200
	// bodyTimeout bounds how long a client may take to send it.
	bodyTimeout = 30 * time.Second
)

// readBody returns the decoded body of a request: an empty object if there is none.
func readBody(w http.ResponseWriter, r *http.Request) (any, error) {
	// A server that cannot set deadlines, as in tests, has none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The request body is larger than %d MiB.", maxBody>>20)}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, resource.Detail("The request body could not be read."), "read the body")
	}
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	given := r.Header.Get("Content-Type")
	media, params, _ := mime.ParseMediaType(given)
	switch media {
	case "application/json":
		return decodeJSON(body)
	case "multipart/form-data":
		return decodeForm(body, params["boundary"])
	}
	return nil, refusal{http.StatusUnsupportedMediaType, `Unsupported media type "` + given + `" in request.`}
}

func malformed(text string) error {
	return fault.Wrap(fault.Invalid, resource.Detail(text), "decode the body")
}

// decodeJSON decodes a JSON document, numbers as json.Number.
func decodeJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, malformed("JSON parse error - 'utf-8' codec can't decode the body: it is no UTF-8")
	}
	if deeper(body, maxDepth) {
		return nil, malformed(fmt.Sprintf("JSON parse error - nested deeper than %d levels", maxDepth))
	}
	if !json.Valid(body) {
		return nil, malformed("JSON parse error - " + pythonJSONError(body))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, malformed("JSON parse error - " + err.Error())
	}
	return v, nil
}

// deeper says whether brackets outside of strings are nested deeper than the limit.
func deeper(body []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// decodeForm reads the plain values of a form; of repeated names the last counts.
func decodeForm(body []byte, boundary string) (any, error) {
	out := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, malformed("Multipart form parse error - " + err.Error())
		}
		if part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed("Multipart form parse error - " + err.Error())
		}
		out[part.FormName()] = string(bytes.ToValidUTF8(value, []byte("\uFFFD")))
	}
}
