// Package natstest gives a test a nats-server of its own, with JetStream.
package natstest

import (
	"testing"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
)

// Start returns a private server without any streams. It stops when the test ends.
func Start(tb testing.TB) *localnats.Server {
	tb.Helper()
	s, err := localnats.Start(tb.Context(), localnats.Config{StoreDir: tb.TempDir(), Unsynced: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Join returns a connection to s as one of its users (localnats.Poller, ...). It is closed when the test ends.
func Join(tb testing.TB, s *localnats.Server, user string) *bus.Bus {
	tb.Helper()
	b, err := bus.Connect(tb.Context(), bus.Config{URL: s.URL(user), Name: user})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Close)
	return b
}

// Connect returns a connection, as the user that may do everything, to a private server with all streams.
func Connect(tb testing.TB) *bus.Bus {
	tb.Helper()
	b := Join(tb, Start(tb), localnats.Admin)
	if err := b.EnsureStreams(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := b.EnsureEvents(tb.Context(), 1); err != nil {
		tb.Fatal(err)
	}
	return b
}
