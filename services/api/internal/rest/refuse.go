package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/wire"
)

// retryAfter is when to try again what could not be had, in seconds.
const retryAfter = "5"

// queryCanceled is Postgres' code of a statement that its timeout stopped.
const queryCanceled = "57014"

const tooLong = "The database was stopped, as the request took it too long. Narrow the request: filter by exact values such as an endpoint, search for three characters or more, ask for smaller pages."

// refuse makes the answer that says what went wrong. What is our own fault is logged, and not shown.
func (a *API) refuse(ctx context.Context, q *request, err error) response {
	kind := fault.KindOf(err)
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		kind = fault.Unavailable
	}
	answer := response{status: wire.Status[kind]}
	if e, ok := errors.AsType[resource.Errors](err); ok {
		answer.body, _ = e.MarshalJSON() // it has no error to return
		return answer
	}
	if e, ok := errors.AsType[resource.Positional](err); ok {
		answer.body, _ = e.MarshalJSON() // nor has this
		return answer
	}
	if e, ok := errors.AsType[resource.Whole](err); ok {
		answer.body, _ = json.Marshal([]string{string(e)})
		return answer
	}
	if e, ok := errors.AsType[resource.Stale](err); ok {
		return response{status: http.StatusPreconditionFailed, body: detail(e.Error()), header: map[string]string{"ETag": e.ETag}}
	}
	if e, ok := errors.AsType[resource.Protected](err); ok {
		answer.body = detail(e.Error())
		return answer
	}
	if e, ok := errors.AsType[auth.Throttled](err); ok {
		return response{status: http.StatusTooManyRequests, body: detail(e.Error()), header: map[string]string{"Retry-After": strconv.Itoa(e.Seconds())}}
	}
	if e, ok := errors.AsType[refusal](err); ok {
		return response{status: e.status, body: detail(e.text)}
	}
	text, known := errors.AsType[resource.Detail](err)
	if !known {
		if ctx.Err() != nil {
			return response{status: http.StatusServiceUnavailable, body: detail("The request was given up.")}
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == queryCanceled {
			a.Log.WarnContext(ctx, "request took the database too long", "request_id", q.id, "method", q.method, "path", q.http.URL.Path, "query", q.http.URL.RawQuery)
			return response{status: http.StatusServiceUnavailable, body: detail(tooLong)}
		}
		a.Log.ErrorContext(ctx, "request failed", "request_id", q.id, "method", q.method, "path", q.http.URL.Path, "kind", kind, "err", err)
		if kind == fault.Unavailable {
			return response{status: answer.status, body: detail("Something the request needs cannot be reached. Try again later."), header: map[string]string{"Retry-After": retryAfter}}
		}
		return internal()
	}
	answer.body = detail(string(text))
	if kind == fault.Unavailable {
		answer.header = map[string]string{"Retry-After": retryAfter}
	}
	return answer
}

// refusal is what concerns HTTP alone and so is no kind of fault.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

// internal is the answer to errors of our own, in NetBox's form and without what is inside.
func internal() response {
	return response{status: http.StatusInternalServerError, body: []byte(
		`{"error":"Internal server error. The log of the server has it under the X-Request-ID of this answer.","exception":"InternalError","netbox_version":"` +
			netboxVersion + `","python_version":"n/a"}`)}
}

func detail(text string) []byte {
	var e bareDetail
	e.Detail = text
	return encode(e)
}

type bareDetail struct {
	Detail string `json:"detail"`
}
