package wake_test

import (
	"context"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/wake"
)

func TestEveryCallsAtTheStartAfterAChangeWhenAskedAndAfterAReconnection(t *testing.T) {
	t.Parallel()
	config := localnats.Config{StoreDir: t.TempDir(), Unsynced: true}
	server, err := localnats.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	config.Port = server.Port()
	b := natstest.Join(t, server, localnats.Projector)
	ctx, cancel := context.WithCancel(t.Context())
	calls, next := make(chan bool), make(chan time.Time)
	ended := make(chan error, 1)
	go func() {
		ended <- wake.Every(ctx, b, []string{subjects.ControlEndpoints, subjects.ControlJobs}, time.Hour, func(ctx context.Context, due bool) time.Time {
			select {
			case calls <- due:
				return <-next
			case <-ctx.Done():
				return time.Time{}
			}
		})
	}()
	expect := func(what string, due bool, then time.Time) {
		t.Helper()
		select {
		case got := <-calls:
			if got != due {
				t.Fatalf("%s: due is %t, want %t", what, got, due)
			}
			next <- then
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: no call", what)
		}
	}
	expect("at the start", true, time.Now())
	expect("at the time it asked for", false, time.Time{})
	api := natstest.Join(t, server, localnats.API)
	for _, subject := range []string{subjects.ControlEndpoints, subjects.ControlJobs} {
		if err := api.Conn().Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		expect("after a hint on "+subject, true, time.Time{})
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if server, err = localnats.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	expect("after a reconnection", true, time.Time{})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
