package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
)

const taskSubject = "proxops.v1.task.manual.default.1"

var errBoom = errors.New("boom\nwith a second line")

var quick = bus.ConsumerConfig{Stream: "TASKS", Name: "poller-manual-default", Filters: []string{"proxops.v1.task.manual.default.*"}, RetryDelay: time.Millisecond}

// consuming runs Consume until the test ends or stop is called, which waits for it.
func consuming(t *testing.T, b *bus.Bus, cfg bus.ConsumerConfig, handler func(context.Context, bus.Msg) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := b.Consume(ctx, cfg, handler); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func publish(t *testing.T, b *bus.Bus, n int) {
	t.Helper()
	for i := range n {
		m := &nats.Msg{Subject: taskSubject, Data: fmt.Append(nil, i), Header: nats.Header{"Proxops-Job": {"7"}}}
		if _, err := b.JetStream().PublishMsg(t.Context(), m, jetstream.WithMsgID(fmt.Sprint(time.Now().UnixNano(), i))); err != nil {
			t.Fatal(err)
		}
	}
}

// left is how many messages the stream holds.
func left(t *testing.T, b *bus.Bus, stream string) uint64 {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// buried returns the messages of DEAD that are not the server's own notes.
func buried(t *testing.T, b *bus.Bus) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), subjects.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	var out []*jetstream.RawStreamMsg
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get(bus.HeaderSubject) != "" {
			out = append(out, m)
		}
	}
	return out
}

func TestConsumeAcknowledgesWhatWasHandled(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	publish(t, b, 20)
	var got []string
	consuming(t, b, quick, func(_ context.Context, m bus.Msg) error {
		if m.Subject != taskSubject || m.Stream != "TASKS" || m.Consumer != quick.Name || m.Sequence == 0 || m.Deliveries != 1 ||
			m.Header.Get("Proxops-Job") != "7" || time.Since(m.Published).Abs() > time.Hour {
			t.Errorf("message %+v", m)
		}
		got = append(got, string(m.Data))
		return nil
	})
	eventually(t, "all are acknowledged", func() bool { return left(t, b, "TASKS") == 0 })
	if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]" {
		t.Errorf("got %v, want all in order", got)
	}
}

func TestConsumeTriesAgainAndThenGivesUpAfterTenDeliveries(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	var bad, good, told atomic.Int32
	cfg := quick
	cfg.OnDead = func(_ context.Context, m bus.Msg, reason error) error {
		if string(m.Data) != "0" {
			t.Errorf("OnDead of %q: %v", m.Data, reason)
		}
		if told.Add(1) == 1 {
			if !errors.Is(reason, errBoom) {
				t.Errorf("the reason is %v", reason)
			}
			return errors.New("the database is away") // so it is tried again
		}
		return nil
	}
	consuming(t, b, cfg, func(_ context.Context, m bus.Msg) error {
		if string(m.Data) == "0" {
			bad.Add(1)
			return fmt.Errorf("read cluster: %w", errBoom)
		}
		if good.Add(1) < 3 {
			panic("not yet")
		}
		return nil
	})
	publish(t, b, 2)
	eventually(t, "the queue moves on", func() bool { return left(t, b, "TASKS") == 0 })
	if good.Load() != 3 || bad.Load() != 10 || told.Load() != 2 {
		t.Errorf("the good one was tried %d times, the bad one %d, its owner told %d times; want 3, 10, 2", good.Load(), bad.Load(), told.Load())
	}
	graves := buried(t, b)
	if len(graves) != 1 {
		t.Fatalf("%d messages in DEAD, want 1", len(graves))
	}
	g := graves[0]
	if g.Subject != "proxops.v1.dead.TASKS.poller-manual-default" || string(g.Data) != "0" {
		t.Errorf("buried %s %q", g.Subject, g.Data)
	}
	for name, want := range map[string]string{
		bus.HeaderSubject: taskSubject, bus.HeaderStream: "TASKS", bus.HeaderSequence: "1", bus.HeaderConsumer: quick.Name,
		bus.HeaderKind: "internal", "Proxops-Job": "7",
	} {
		if got := g.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestConsumeGivesUpAtOnceWhatIsInvalid(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	var runs atomic.Int32
	consuming(t, b, quick, func(context.Context, bus.Msg) error {
		runs.Add(1)
		return fault.New(fault.Invalid, "no endpoint: %w", errBoom)
	})
	publish(t, b, 1)
	eventually(t, "it is gone", func() bool { return left(t, b, "TASKS") == 0 })
	graves := buried(t, b)
	if runs.Load() != 1 || len(graves) != 1 || graves[0].Header.Get(bus.HeaderReason) != "no endpoint: boom with a second line" ||
		graves[0].Header.Get(bus.HeaderKind) != "invalid" || graves[0].Header.Get(bus.HeaderDeliveries) != "1" {
		t.Errorf("%d runs, buried %v", runs.Load(), graves)
	}
}

func TestConsumeBuriesWithoutTheOrdersToTheServer(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	consuming(t, b, quick, func(context.Context, bus.Msg) error { return fault.New(fault.Invalid, "no") })
	m := &nats.Msg{Subject: taskSubject, Header: nats.Header{"Nats-Rollup": {"sub"}, "Nats-TTL": {"1h"}, "Proxops-Job": {"7"}}}
	if _, err := b.JetStream().PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is buried", func() bool { return len(buried(t, b)) == 1 })
	if h := buried(t, b)[0].Header; h.Get("Nats-Rollup") != "" || h.Get("Nats-TTL") != "" || h.Get("Proxops-Job") != "7" {
		t.Errorf("headers %v", h)
	}
}

func TestConsumeDoesNotBuryWhatComesFromDead(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	if _, err := b.JetStream().Publish(t.Context(), "proxops.v1.dead.TASKS.x", nil); err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int32
	cfg := bus.ConsumerConfig{Stream: "DEAD", Name: subjects.ConsumerDead, Filters: []string{subjects.AllDead}, RetryDelay: time.Millisecond}
	consuming(t, b, cfg, func(context.Context, bus.Msg) error { runs.Add(1); return errBoom })
	eventually(t, "it is settled", func() bool {
		c, err := b.JetStream().Consumer(t.Context(), "DEAD", subjects.ConsumerDead)
		return err == nil && c.CachedInfo().AckFloor.Stream >= 1
	})
	if runs.Load() != 10 || len(buried(t, b)) != 0 {
		t.Errorf("%d runs and %d burials, want 10 and none", runs.Load(), len(buried(t, b)))
	}
}

func TestConsumeKeepsALongHandlerAlive(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	cfg := quick
	cfg.AckWait = 300 * time.Millisecond
	cfg.Workers = 2 // one is free to take it again
	var runs atomic.Int32
	consuming(t, b, cfg, func(context.Context, bus.Msg) error {
		runs.Add(1)
		<-time.After(4 * cfg.AckWait) // is what is tested: time passes on the server too
		return nil
	})
	publish(t, b, 1)
	eventually(t, "it is done", func() bool { return left(t, b, "TASKS") == 0 })
	if runs.Load() != 1 {
		t.Errorf("it ran %d times, want once", runs.Load())
	}
}

func TestConsumeWorksOnAsManyAtOnceAsItMay(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	cfg := quick
	cfg.Workers = 3
	var now, most atomic.Int32
	three := make(chan struct{})
	var once sync.Once
	consuming(t, b, cfg, func(context.Context, bus.Msg) error {
		n := now.Add(1)
		defer now.Add(-1)
		if n > most.Load() {
			most.Store(n)
		}
		if n == 3 {
			once.Do(func() { close(three) })
		}
		<-three
		return nil
	})
	publish(t, b, 9)
	eventually(t, "all are done", func() bool { return left(t, b, "TASKS") == 0 })
	if most.Load() != 3 {
		t.Errorf("%d at once, want 3", most.Load())
	}
}

func TestConsumeWaitsForItsHandlersAndPassesTheMessageOn(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	started := make(chan struct{}, 10)
	var ended atomic.Bool
	stop := consuming(t, b, quick, func(ctx context.Context, _ bus.Msg) error {
		started <- struct{}{}
		<-ctx.Done()
		ended.Store(true)
		return fmt.Errorf("read cluster: %w", ctx.Err())
	})
	publish(t, b, 1)
	<-started
	stop()
	if !ended.Load() {
		t.Fatal("Consume did not wait for its handler")
	}
	begin := time.Now()
	again := make(chan bus.Msg, 1)
	consuming(t, b, quick, func(_ context.Context, m bus.Msg) error { again <- m; return nil })
	if m := <-again; m.Deliveries != 2 || time.Since(begin) > 10*time.Second {
		t.Errorf("delivery %d after %v: not handed over at once", m.Deliveries, time.Since(begin))
	}
}

func TestConsumeWaitsForItsStreamAndMakesItsConsumerAgain(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	b := natstest.Join(t, s, "admin")
	var got atomic.Int32
	consuming(t, b, quick, func(context.Context, bus.Msg) error { got.Add(1); return nil })
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 1)
	eventually(t, "the first came", func() bool { return got.Load() == 1 })
	if err := b.JetStream().DeleteStream(t.Context(), "TASKS"); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 1)
	eventually(t, "the second came", func() bool { return got.Load() == 2 })
}

func TestRequestGetsTheAnswerOrTheFault(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	const subject = "proxops.v1.rpc.claim.default"
	out := &wrapperspb.StringValue{}
	err := b.Request(t.Context(), subject, wrapperspb.String("x"), out)
	if fault.KindOf(err) != fault.Unavailable || err.Error() != fmt.Sprintf("request %s: no projector is connected to NATS at nats://%s: nats: no responders available for request", subject, b.Conn().ConnectedAddr()) {
		t.Errorf("without a responder: %v", err)
	}
	for subject, who := range map[string]string{subjects.Report("default"): "projector", subjects.Probe("default"): "poller", "proxops.v1.else": "service that answers it"} {
		if err := b.Request(t.Context(), subject, wrapperspb.String("x"), out); err == nil || !strings.Contains(err.Error(), ": no "+who+" is connected") || !bus.Unattended(err) {
			t.Errorf("%s without a responder: %v", subject, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	inside, release := make(chan struct{}), make(chan struct{})
	go func() {
		ended <- b.Respond(ctx, "proxops.v1.rpc.claim.*", subjects.QueueProjector, func(_ context.Context, m bus.Msg) (proto.Message, error) {
			in := &wrapperspb.StringValue{}
			if err := bus.Decode(m.Data, in); err != nil {
				return nil, err
			}
			switch in.GetValue() {
			case "conflict":
				return nil, fault.New(fault.Conflict, "another run holds the claim of %s\nsince now", m.Subject)
			case "slow":
				close(inside)
				<-release
			}
			return wrapperspb.String("hello " + in.GetValue()), nil
		})
	}()
	eventually(t, "it answers", func() bool { return b.Request(t.Context(), subject, wrapperspb.String("x"), out) == nil })
	if out.GetValue() != "hello x" {
		t.Errorf("answer %q", out.GetValue())
	}
	err = b.Request(t.Context(), subject, wrapperspb.String("conflict"), out)
	if _, answered := errors.AsType[bus.Answered](err); !answered || bus.Unattended(err) {
		t.Errorf("what was answered is not told from what was not: %v", err)
	}
	if fault.KindOf(err) != fault.Conflict || err.Error() != "another run holds the claim of "+subject+" since now" {
		t.Errorf("fault came as %v: %v", fault.KindOf(err), err)
	}
	reply, err := b.Conn().RequestWithContext(t.Context(), subject, []byte("no zstd"))
	if err != nil || reply.Header.Get("Proxops-Fault") != "invalid" {
		t.Errorf("garbage: %v %v", reply, err)
	}

	slow := make(chan error, 1)
	go func() { slow <- b.Request(t.Context(), subject, wrapperspb.String("slow"), out) }()
	<-inside
	cancel()
	select {
	case err := <-ended:
		t.Errorf("Respond did not wait for its handler: %v", err)
	default:
	}
	close(release)
	if err := errors.Join(<-slow, <-ended); err != nil || out.GetValue() != "hello slow" {
		t.Errorf("the request at the end: %q, %v", out.GetValue(), err)
	}
	if err := b.Request(t.Context(), subject, wrapperspb.String("x"), out); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestRespondHasNothingToComplainAboutWhenAllIsWell(t *testing.T) {
	t.Parallel()
	var log buffer
	server := natstest.Start(t)
	b, err := bus.Connect(t.Context(), bus.Config{URL: server.URL(localnats.Projector), Name: localnats.Projector, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.Respond(ctx, subjects.AllClaims, subjects.QueueProjector, func(context.Context, bus.Msg) (proto.Message, error) {
			return &wrapperspb.StringValue{}, nil
		})
	}()
	asker := natstest.Join(t, server, localnats.Poller)
	eventually(t, "it answers", func() bool {
		return asker.Request(t.Context(), subjects.Claim("default"), wrapperspb.String("x"), &wrapperspb.StringValue{}) == nil
	})
	cancel()
	if err := <-ended; err != nil || log.String() != "" {
		t.Errorf("err = %v, log:\n%s", err, log.String())
	}
}

func TestRequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := natstest.Connect(t)
	sub, err := b.Conn().SubscribeSync("proxops.v1.rpc.report.default") // it never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = b.Request(ctx, "proxops.v1.rpc.report.default", wrapperspb.String("x"), &wrapperspb.StringValue{})
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}
