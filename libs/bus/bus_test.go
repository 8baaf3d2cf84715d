package bus_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
)

// buffer is a log that a test can read while others write it.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually waits until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in ten seconds: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func TestConnectSaysInOneLineWhyNot(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	_ = ln.Close()
	for name, tc := range map[string]struct {
		cfg  bus.Config
		kind fault.Kind
		text string
	}{
		"nobody listens":    {bus.Config{URL: "nats://u:hidden@" + nobody, Name: "poller"}, fault.Unavailable, "connect to NATS at nats://" + nobody},
		"wrong password":    {bus.Config{URL: strings.Replace(s.URL("poller"), "poller:", "poller:hidden", 1), Name: "poller"}, fault.Denied, "Authorization"},
		"url is broken":     {bus.Config{URL: "nats://u:hidden%zz@" + nobody, Name: "poller"}, fault.Invalid, "cannot be read"},
		"url has no scheme": {bus.Config{URL: "u:hidden@" + nobody, Name: "poller"}, fault.Unavailable, "connect to NATS at nats://" + nobody},
		"no url":            {bus.Config{Name: "poller"}, fault.Invalid, "url and name"},
		"name not tokens":   {bus.Config{URL: s.URL("poller"), Name: "a.b"}, fault.Invalid, "url and name"},
	} {
		b, err := bus.Connect(t.Context(), tc.cfg)
		if err == nil {
			b.Close()
			t.Errorf("%s: it connected", name)
			continue
		}
		if text := err.Error(); fault.KindOf(err) != tc.kind || !strings.Contains(text, tc.text) || strings.Contains(text, "hidden") || strings.Contains(text, "\n") {
			t.Errorf("%s: %v (%v), want %v with %q", name, err, fault.KindOf(err), tc.kind, tc.text)
		}
	}
}

func TestBusComesBackWhenTheServerDoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := localnats.Start(t.Context(), localnats.Config{StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var log buffer
	b, err := bus.Connect(t.Context(), bus.Config{URL: s.URL("admin"), Name: "admin", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	port := s.Port()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is not ready", func() bool { return fault.KindOf(b.Ready(t.Context())) == fault.Unavailable })
	if err := b.Conn().Publish("proxops.v1.progress.1.1", nil); err == nil {
		t.Error("publishing without a connection was put off instead of refused")
	}
	if s, err = localnats.Start(t.Context(), localnats.Config{StoreDir: dir, Port: port}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	eventually(t, "the bus is ready", func() bool { return b.Ready(t.Context()) == nil })
	if _, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks); err != nil {
		t.Errorf("the stream is gone: %v", err)
	}
	eventually(t, "both were logged", func() bool {
		return strings.Contains(log.String(), "connection to nats lost") && strings.Contains(log.String(), "connected to nats again")
	})
	if strings.Contains(log.String(), "admin:") {
		t.Errorf("the log shows the password: %s", log.String())
	}
}

func TestStreamsAreAsDesigned(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	if err := b.EnsureStreams(t.Context()); err != nil { // again
		t.Fatal(err)
	}
	config := func(name string) jetstream.StreamConfig {
		s, err := b.JetStream().Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config
	}
	if c := config("TASKS"); c.Retention != jetstream.WorkQueuePolicy || !c.AllowMsgSchedules || !c.AllowRollup || c.MaxAge != 0 {
		t.Errorf("TASKS: %+v", c)
	}
	if c := config("SNAPSHOTS"); c.Retention != jetstream.LimitsPolicy || c.Discard != jetstream.DiscardNew || c.MaxAge != 72*time.Hour {
		t.Errorf("SNAPSHOTS: %+v", c)
	}
	if c := config("EVENTS"); !c.AllowAtomicPublish || !c.AllowDirect || c.MaxAge != 720*time.Hour || c.Retention != jetstream.LimitsPolicy {
		t.Errorf("EVENTS: %+v", c)
	}
	if c := config("DEAD"); c.MaxAge != 720*time.Hour || len(c.Subjects) != 3 {
		t.Errorf("DEAD: %+v", c)
	}
}

func TestEnsureStreamsMendsAStreamOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	b := natstest.Join(t, natstest.Start(t), localnats.Admin)
	old := jetstream.StreamConfig{Name: "SNAPSHOTS", Subjects: []string{"proxops.v1.snapshot.old"}, MaxAge: time.Hour}
	if _, err := b.JetStream().CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JetStream().Publish(t.Context(), subjects.Snapshot(1, 7), nil); err != nil {
		t.Error(err)
	}
}

func TestEnsureEventsContinuesTheSequences(t *testing.T) {
	t.Parallel()
	b := natstest.Join(t, natstest.Start(t), localnats.Admin)
	publish := func() uint64 {
		ack, err := b.JetStream().Publish(t.Context(), "proxops.v1.event.1.backup_routine.1", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return ack.Sequence
	}
	for _, first := range []uint64{41, 1, 0, 41, 99} { // only the first makes it
		if err := b.EnsureEvents(t.Context(), first); err != nil {
			t.Fatalf("first sequence %d: %v", first, err)
		}
	}
	if got := publish(); got != 41 {
		t.Errorf("the first sequence is %d, want 41", got)
	}
	if err := b.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := publish(); got != 42 {
		t.Errorf("the next sequence is %d, want 42", got)
	}
	if err := b.JetStream().DeleteStream(t.Context(), subjects.StreamEvents); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureEvents(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := publish(); got != 1 {
		t.Errorf("the sequence of an empty history is %d, want 1", got)
	}
}

// Every service gets through with what its user may do, and not with what another's may.
func TestUsersHaveTheLeastSubjects(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	projector := natstest.Join(t, s, localnats.Projector)
	if err := projector.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := projector.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	poller, api := natstest.Join(t, s, localnats.Poller), natstest.Join(t, s, localnats.API)
	short := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for name, tc := range map[string]struct {
		b       *bus.Bus
		subject string
		ok      bool
	}{
		"poller publishes a snapshot":       {poller, "proxops.v1.snapshot.replication.1", true},
		"poller publishes an event":         {poller, "proxops.v1.event.1.replication.1", false},
		"poller publishes a task":           {poller, "proxops.v1.task.manual.default.1", false},
		"projector publishes an event":      {projector, "proxops.v1.event.1.replication.1", true},
		"projector publishes a task":        {projector, "proxops.v1.task.scheduled.default.1", true},
		"projector publishes a snapshot":    {projector, "proxops.v1.snapshot.replication.1", false},
		"api publishes a manual task":       {api, "proxops.v1.task.manual.default.1", false},
		"api publishes a schedule":          {api, "proxops.v1.sched.1", false},
		"api publishes an event":            {api, "proxops.v1.event.1.replication.1", false},
		"api publishes a snapshot":          {api, "proxops.v1.snapshot.replication.1", false},
		"poller buries a task":              {poller, "proxops.v1.dead.TASKS.poller-manual-default", true},
		"poller buries another's snapshots": {poller, "proxops.v1.dead.SNAPSHOTS.projector", false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if !tc.ok {
				ctx = short(t)
			}
			_, err := tc.b.JetStream().Publish(ctx, tc.subject, nil)
			if (err == nil) != tc.ok {
				t.Errorf("%s: %v", tc.subject, err)
			}
		})
	}
	for stream, want := range map[string]bool{subjects.StreamEvents: true, subjects.StreamSnapshots: false, subjects.StreamTasks: false} {
		ctx := t.Context()
		if !want {
			ctx = short(t)
		}
		if _, err := api.JetStream().OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{}); (err == nil) != want {
			t.Errorf("api reads %s: %v", stream, err)
		}
	}
	if _, err := poller.JetStream().OrderedConsumer(short(t), subjects.StreamEvents, jetstream.OrderedConsumerConfig{}); err == nil {
		t.Error("the poller may read events")
	}
	if err := poller.JetStream().DeleteStream(short(t), subjects.StreamTasks); err == nil {
		t.Error("the poller may delete a stream")
	}
	if sub, err := poller.Conn().SubscribeSync("_INBOX.projector.>"); err == nil {
		if err := poller.Conn().Flush(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the subscription to another's inbox is refused", func() bool { return poller.Conn().LastError() != nil })
		_ = sub.Unsubscribe()
	}
}

func TestTasksFiresSchedulesAndKeepsOneTick(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	target := "proxops.v1.task.scheduled.default.7"
	_, err := b.JetStream().Publish(t.Context(), subjects.Schedule(7), []byte("tick"), jetstream.WithScheduleEvery(time.Second),
		jetstream.WithScheduleTarget(target), jetstream.WithScheduleRollup(), jetstream.WithScheduleTTL(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	var first, second uint64
	last := func() uint64 {
		m, err := s.GetLastMsgForSubject(t.Context(), target)
		if err != nil {
			return 0
		}
		return m.Sequence
	}
	eventually(t, "the first tick", func() bool { first = last(); return first > 0 })
	eventually(t, "the second tick", func() bool { second = last(); return second > first })
	if _, err := s.GetMsg(t.Context(), first); err == nil {
		t.Error("the tick nobody took is still there beside the next")
	}
	if _, err := s.GetLastMsgForSubject(t.Context(), subjects.Schedule(7)); err != nil {
		t.Errorf("the schedule is gone: %v", err)
	}
}
