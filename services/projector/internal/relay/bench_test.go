package relay

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
)

// BenchmarkRelay measures the relay against the same bytes published in raw atomic batches of 1000, one after the other, on the same kind of
// stream of the same server, which syncs to disk always. Of several turns the best of each counts, as others may use the machine too.
func BenchmarkRelay(b *testing.B) {
	const n, rounds = 10_000, 6
	s, err := localnats.Start(b.Context(), localnats.Config{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	nc := natstest.Join(b, s, localnats.Admin)
	for b.Loop() {
		relayed, raw := time.Hour, time.Hour
		for range rounds {
			w := newWorld(b)
			w.exec(`INSERT INTO backup_routines (endpoint_id, job_id) SELECT 1, 'job-' || i FROM generate_series(1, 4000) i`)
			for first := range int32(n / 1000) {
				objects := make([]int32, 1000)
				for i := range objects {
					objects[i] = first%4*1000 + int32(i) + 1 // most of them are updates
				}
				w.change(objects...)
			}
			w.exec("VACUUM ANALYZE")
			empty(b, nc)
			begin := time.Now()
			stop := start(b, w.relay(nc))
			events := ends(b, nc, n)
			relayed = min(relayed, time.Since(begin))
			stop()
			messages := rawMessages(b, nc.JetStream(), events)
			empty(b, nc)
			begin = time.Now()
			for batch := range n / maxBatch {
				if _, err := jetstreamext.PublishMsgBatch(b.Context(), nc.JetStream(), messages[batch*maxBatch:][:maxBatch]); err != nil {
					b.Fatal(err)
				}
			}
			raw = min(raw, time.Since(begin))
		}
		b.ReportMetric(n/relayed.Seconds(), "events/s")
		b.ReportMetric(n/raw.Seconds(), "floor_events/s")
		b.ReportMetric(raw.Seconds()/relayed.Seconds(), "of_floor")
	}
}

// empty makes the stream anew.
func empty(b *testing.B, nc *bus.Bus) {
	b.Helper()
	_ = nc.JetStream().DeleteStream(b.Context(), subjects.StreamEvents)
	if err := nc.EnsureEvents(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
}

// ends waits until the stream ends at n, without asking so often that it disturbs.
func ends(b *testing.B, nc *bus.Bus, n uint64) jetstream.Stream {
	b.Helper()
	for {
		s, err := nc.JetStream().Stream(b.Context(), subjects.StreamEvents)
		if err != nil {
			b.Fatal(err)
		}
		if s.CachedInfo().State.LastSeq == n {
			return s
		}
		<-time.After(2 * time.Millisecond)
	}
}

// rawMessages returns the messages of a stream as they were published.
func rawMessages(b *testing.B, js jetstream.JetStream, s jetstream.Stream) []*nats.Msg {
	b.Helper()
	n := s.CachedInfo().State.Msgs
	messages := make([]*nats.Msg, 0, n)
	size := 0
	for uint64(len(messages)) < n {
		got, err := jetstreamext.GetBatch(b.Context(), js, subjects.StreamEvents, 500, jetstreamext.GetBatchSeq(uint64(len(messages)+1)))
		if err != nil {
			b.Fatal(err)
		}
		for m, err := range got {
			if err != nil {
				b.Fatal(err)
			}
			messages = append(messages, &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{"content-type": {contentType}}})
			size += len(m.Data)
		}
	}
	b.Logf("%d bytes an event", size/len(messages))
	return messages
}

// BenchmarkDelay measures how long after its commit a single change is with a subscriber.
func BenchmarkDelay(b *testing.B) {
	w, nc := newWorld(b), natstest.Connect(b)
	r := w.relay(nc)
	r.Poll = 0
	start(b, r)
	arrived := make(chan struct{}, 1)
	sub, err := nc.Conn().Subscribe(subjects.AllEvents, func(*nats.Msg) { arrived <- struct{}{} })
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var total time.Duration
	n := 0
	for b.Loop() {
		for range 40 {
			w.change(1)
			committed := time.Now()
			ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
			select {
			case <-arrived:
			case <-ctx.Done():
				b.Fatal("no event")
			}
			cancel()
			total += time.Since(committed)
			n++
		}
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(n), "ms/event")
}
