package wire

import (
	"net/http"

	"github.com/proxops/proxops/libs/fault"
)

// Status turns kinds of errors into HTTP; nothing else does.
var Status = map[fault.Kind]int{
	fault.Invalid:     http.StatusBadRequest,
	fault.Denied:      http.StatusForbidden,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Unavailable: http.StatusServiceUnavailable,
	fault.Internal:    http.StatusInternalServerError,
}
