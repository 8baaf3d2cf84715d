package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// MediaType is that of server-sent events.
const MediaType = "text/event-stream"

// opening is what a client gets at once: how long to wait, in milliseconds, before it comes back.
const opening = "retry: 2000\n: connected\n"

// once bounds what a client has to read in the time that it has.
const once = 256 << 10

// stream is an answer that goes on until the client leaves, the server stops, or there is nothing more to come.
type stream struct {
	*Hub
	w       http.ResponseWriter
	control *http.ResponseController

	// renew asks again who the client is and what they may see; a refusal ends the stream.
	renew func(context.Context) error
	// step sends what is new. It is called again after next, at once for 0, and when wake's channel is closed, which was asked for before.
	step func(context.Context) (next time.Duration, err error)
	wake func() <-chan struct{}
	// beat is what a heartbeat carries beside itself.
	beat func() string
}

// never is the answer of a step that has nothing to do until it is woken.
const never = time.Duration(1<<63 - 1)

var (
	// errLeft is the error of a write to a client that is gone, or does not read.
	errLeft = errors.New("the client has left")
	// errOver ends a stream that has told all.
	errOver = errors.New("there is nothing more to come")
)

// run sends the opening, with an id if there is one, and then whatever comes.
func (s *stream) run(ctx context.Context, id string) {
	s.control = http.NewResponseController(s.w)
	// A server that cannot set deadlines, as in tests, has none. A client that did not read has lost its connection.
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }()
	err := s.send([]byte(opening + id + "\n"))
	if err == nil {
		err = s.loop(ctx)
	}
	switch {
	case err == nil, errors.Is(err, errOver), ctx.Err() != nil:
	case errors.Is(err, errLeft):
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.metrics.slow.Inc()
			s.Log.InfoContext(ctx, "client that does not read was dropped")
		}
	default:
		_ = s.send(frame("error", "", map[string]string{"detail": s.detail(ctx, err)}))
	}
}

func (s *stream) loop(ctx context.Context) (err error) {
	beat := time.NewTimer(s.Heartbeat)
	defer beat.Stop()
	doubt := false // whether the client may still see anything cannot be found out at present
	for {
		wake, next := s.wake(), s.Retry
		if !doubt {
			if next, err = s.step(ctx); unreachable(err) {
				wake, next, err = nil, s.Retry, nil
			}
		} else {
			wake = nil
		}
		if err != nil {
			return err
		}
		var again <-chan time.Time
		if next != never {
			again = time.After(next)
		}
		select {
		case <-wake:
		case <-again:
			if doubt {
				doubt, err = s.check(ctx)
			}
		case <-beat.C:
			if err = s.send([]byte(": heartbeat\n" + s.beat() + "\n")); err == nil {
				doubt, err = s.check(ctx)
			}
			beat.Reset(s.Heartbeat)
		case <-httpd.Stopping(ctx):
			return nil
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *stream) check(ctx context.Context) (doubt bool, err error) {
	err = s.renew(ctx)
	if unreachable(err) {
		return true, nil
	}
	return false, err
}

// unreachable says that something the stream needs cannot be reached, which may be over soon. Browsers would not come back to a server that answers
// with an error, so clients are held until then.
func unreachable(err error) bool {
	if err == nil || errors.Is(err, errLeft) {
		return false
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pgErr.Code, "57P") || strings.HasPrefix(pgErr.Code, "53") // it stops or starts, or has no room for a connection
	}
	_, network := errors.AsType[net.Error](err)
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	return network || connect || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || fault.KindOf(err) == fault.Unavailable
}

// detail is what a client gets to read about an error.
func (s *stream) detail(ctx context.Context, err error) string {
	if text, ok := errors.AsType[resource.Detail](err); ok {
		return string(text)
	}
	s.Log.ErrorContext(ctx, "stream broke off", "err", err)
	return "Internal server error."
}

// send writes frames, and has them sent.
func (s *stream) send(frames ...[]byte) error {
	for size := once; len(frames) > 0; {
		if size >= once {
			_ = s.control.SetWriteDeadline(time.Now().Add(s.Patience))
			size = 0
		}
		if _, err := s.w.Write(frames[0]); err != nil {
			return fmt.Errorf("%w: %w", errLeft, err)
		}
		size, frames = size+len(frames[0]), frames[1:]
	}
	if err := s.control.Flush(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return nil
}

// frame is an event with an object as its data; id is "" for none, else a line.
func frame(event, id string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // only plain structs and maps come here
	}
	return []byte(id + "event: " + event + "\ndata: " + string(text) + "\n\n")
}

func idLine(id uint64) string { return fmt.Sprintf("id: %d\n", id) }
