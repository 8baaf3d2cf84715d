// Package httpd serves HTTP with sane limits, from a taken or free port to an orderly end.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/proxops/proxops/libs/fault"
)

// shutdownTimeout leaves a second of the five in which a process has to end.
const shutdownTimeout = 4 * time.Second

// Listen opens a TCP port. ctx bounds the look-up of a name, not the life of the listener. Its error is one line:
// fault.Conflict if the port is taken, fault.Denied if this user may not have it, fault.Invalid for an address that is none.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.New(fault.Conflict, "listen on %s: the port is taken: stop what uses it or choose another address", addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fault.New(fault.Denied, "listen on %s: this user may not use the port: choose one above 1023", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fault.New(fault.Invalid, "listen on %s: this machine does not have the address", addr)
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return nil, fault.New(fault.Invalid, "listen on %q: %w (expected host:port)", addr, err)
	}
	return nil, fmt.Errorf("listen on %s: %w", addr, err)
}

// Serve answers requests on ln until ctx ends. Then it takes no more, and returns nil when those that run have ended: their
// contexts end after two seconds, and what is left after four is cut off. An answer without an end, such as a stream of
// events, should watch Stopping. ln is closed in any case.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	return serve(ctx, ln, h, shutdownTimeout)
}

func serve(ctx context.Context, ln net.Listener, h http.Handler, patience time.Duration) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    1 << 16,
	}
	base, endRequests := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done()))
	defer endRequests()
	srv.BaseContext = func(net.Listener) context.Context { return base }

	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	// ctx is done by now, so the end needs a clock of its own.
	defer time.AfterFunc(patience/2, endRequests).Stop()
	clock, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := srv.Shutdown(clock); err != nil {
		_ = srv.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

type stoppingKey struct{}

// Stopping returns a channel that is closed as soon as the server of this request is told to end, while the request's own
// context goes on for a while. For any other context it returns nil, which never is ready.
func Stopping(ctx context.Context) <-chan struct{} {
	stopping, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return stopping
}
