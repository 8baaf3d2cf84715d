package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/wire"
)

const (
	// maxBody bounds the body of a request.
	maxBody = 10 << 20
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
		v, wrong := wire.DecodeJSON(body)
		if wrong != "" {
			return nil, malformed("JSON parse error - " + wrong)
		}
		return v, nil
	case "multipart/form-data":
		return decodeForm(body, params["boundary"])
	}
	return nil, refusal{http.StatusUnsupportedMediaType, `Unsupported media type "` + given + `" in request.`}
}

func malformed(text string) error {
	return fault.Wrap(fault.Invalid, resource.Detail(text), "decode the body")
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
