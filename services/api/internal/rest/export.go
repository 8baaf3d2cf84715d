package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

const (
	// maxExports bounds how many exports run at once, as each holds a connection to the database.
	maxExports = 4
	// exportWait is how long a request waits for another export to end.
	exportWait = 5 * time.Second
	// chunkTimeout bounds how long a client may take to read some of an export.
	chunkTimeout = 30 * time.Second
	// exportTimeout bounds a whole export.
	exportTimeout = 10 * time.Minute
)

const mediaCSV = "text/csv; charset=utf-8"

// errBusy is the answer while too many exports run.
var errBusy = fault.Wrap(fault.Unavailable, resource.Detail("Too many exports run at present. Try again later."), "wait for an export")

// exports returns a function that lets so many exports run at once.
func exports(n int) func(context.Context) (done func(), err error) {
	places := make(chan struct{}, n)
	return func(ctx context.Context) (func(), error) {
		wait := time.NewTimer(exportWait)
		defer wait.Stop()
		select {
		case places <- struct{}{}:
			return func() { <-places }, nil
		case <-wait.C:
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// export answers a list request with CSV.
func (a *API) export(ctx context.Context, r *resource.Resource, q *request) (response, error) {
	done, err := a.exports(ctx)
	if err != nil {
		return response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	begun := false
	end := func() { cancel(); done() }
	defer func() {
		if !begun {
			end()
		}
	}()
	at := q.at
	at.Suffix = ""
	e, err := a.Store.Export(ctx, r, q.actor(), at, q.params, selection(q))
	if err != nil {
		return response{}, err
	}
	begun = true
	send := func(w http.ResponseWriter) error {
		defer end()
		defer e.Close(ctx)
		if q.method == http.MethodHead {
			return nil
		}
		return stream(ctx, w, e)
	}
	return response{status: http.StatusOK, media: mediaCSV, send: send, header: map[string]string{
		"Content-Disposition": `attachment; filename="` + r.Name + `.csv"`,
	}}, nil
}

// stream sends an export piece by piece, as fast as the client reads.
func stream(ctx context.Context, w http.ResponseWriter, e *resource.Export) error {
	control := http.NewResponseController(w)
	// A server that cannot set deadlines, as in tests, has none.
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	for {
		chunk, err := e.Next(ctx)
		if err != nil || chunk == nil {
			return err
		}
		_ = control.SetWriteDeadline(time.Now().Add(chunkTimeout))
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
}
