// Package natstest gives a test a nats-server of its own, with JetStream.
package natstest

import (
	"testing"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
)

// Start returns a private server without any streams. It stops when the test ends.
func Start(t testing.TB) *localnats.Server {
	t.Helper()
	s, err := localnats.Start(t.Context(), localnats.Config{StoreDir: t.TempDir(), Unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Join returns a connection to s as one of its users (localnats.Poller, ...). It is closed when the test ends.
func Join(t testing.TB, s *localnats.Server, user string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Config{URL: s.URL(user), Name: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Connect returns a connection, as the user that may do everything, to a private server with all streams.
func Connect(t testing.TB) *bus.Bus {
	t.Helper()
	b := Join(t, Start(t), localnats.Admin)
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return b
}
