package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/proxops/proxops/libs/bus"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// journal keeps what services log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// newJournal shows the warnings and errors of a test that failed.
func newJournal(t *testing.T) *journal {
	t.Helper()
	j := &journal{}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		var shown []string
		for line := range strings.Lines(j.String()) {
			if !strings.Contains(line, `"level":"DEBUG"`) && !strings.Contains(line, `"level":"INFO"`) {
				shown = append(shown, strings.TrimSpace(line))
			}
		}
		const most = 40
		t.Logf("the last of %d warnings of the services:\n%s", len(shown), strings.Join(shown[max(0, len(shown)-most):], "\n"))
	})
	return j
}

func (j *journal) of(service string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})).With("service", service)
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// vault knows the secrets that must not show up anywhere, in clear and in the usual encodings.
type vault struct {
	mu    sync.Mutex
	forms map[string]string // and of which secret each is
}

// plant adds a secret.
func (v *vault) plant(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.forms == nil {
		v.forms = map[string]string{}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), encoded[:len(secret)*4/3]} {
		v.forms[form] = secret
	}
}

// in returns a secret that a text holds, "" if there is none.
func (v *vault) in(text []byte) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for form, secret := range v.forms {
		if bytes.Contains(text, []byte(form)) {
			return secret
		}
	}
	return ""
}

// search looks for secrets in every row, every message that is stored, and the log, and says where they are.
func (l *lab) search(ctx context.Context) (found []string, err error) {
	rows, err := l.searchRows(ctx)
	found = append(found, rows...)
	if err != nil {
		return found, err
	}
	for _, name := range []string{subjects.StreamTasks, subjects.StreamSnapshots, subjects.StreamEvents, subjects.StreamDead} {
		messages, err := l.searchStream(ctx, name)
		found = append(found, messages...)
		if err != nil {
			return found, fmt.Errorf("search stream %s: %w", name, err)
		}
	}
	return append(found, l.searchLog()...), nil
}

func (l *lab) searchLog() (found []string) {
	if l.secrets.in([]byte(l.log.String())) == "" {
		return nil
	}
	for line := range strings.Lines(l.log.String()) {
		if s := l.secrets.in([]byte(line)); s != "" {
			found = append(found, fmt.Sprintf("log: %q in %s", s, line))
		}
	}
	return found
}

// searchRows looks at every column of every row.
func (l *lab) searchRows(ctx context.Context) (found []string, err error) {
	rows, _ := l.pool.Query(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		return nil, fmt.Errorf("list the tables, %d so far: %w", len(tables), err)
	}
	for _, table := range tables {
		rows, _ := l.pool.Query(ctx, fmt.Sprintf("SELECT x::text FROM %s x", pgx.Identifier{table}.Sanitize()))
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return found, fmt.Errorf("search table %s: %w", table, err)
		}
		for _, text := range texts {
			if s := l.secrets.in([]byte(text)); s != "" {
				found = append(found, fmt.Sprintf("table %s: %q in %s", table, s, text))
			}
		}
	}
	return found, nil
}

// searchStream looks at messages, their headers and their content as it was before compression.
func (l *lab) searchStream(ctx context.Context, name string) (found []string, err error) {
	return found, l.messages(ctx, name, func(m *jetstream.RawStreamMsg) error {
		texts := [][]byte{m.Data, []byte(fmt.Sprint(m.Header))}
		var unknown emptypb.Empty // keeps all fields of whatever message it is
		if bus.Decode(m.Data, &unknown) == nil {
			plain, err := proto.Marshal(&unknown)
			if err != nil {
				return err
			}
			texts = append(texts, plain)
		}
		for _, text := range texts {
			if s := l.secrets.in(text); s != "" {
				found = append(found, fmt.Sprintf("stream %s: %q at %d", name, s, m.Sequence))
				break
			}
		}
		return nil
	})
}

// messages calls fn with each message of a stream, in order.
func (l *lab) messages(ctx context.Context, stream string, fn func(*jetstream.RawStreamMsg) error) error {
	const atOnce = 500
	for next, more := uint64(1), true; more; {
		batch, err := jetstreamext.GetBatch(ctx, l.bus.JetStream(), stream, atOnce, jetstreamext.GetBatchSeq(next))
		if err != nil {
			return err
		}
		n := 0
		for m, err := range batch {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err == nil {
				n, next = n+1, m.Sequence+1
				err = fn(m)
			}
			if err != nil {
				return err
			}
		}
		more = n == atOnce
	}
	return nil
}

// The search that ends every test of this package finds what it looks for, wherever it is.
func TestTheSearchFindsSecrets(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	// Not among the lab's own secrets, as those would fail this test.
	spy := &lab{pool: l.pool, bus: l.bus, log: newJournal(t)}
	l.published(t) // all streams are there
	secret := "a-secret-that-got-lost"
	spy.secrets.plant(secret)
	if found, err := spy.search(t.Context()); err != nil || len(found) > 0 {
		t.Fatalf("before anything was planted: %v, %v", found, err)
	}
	for _, sql := range []string{
		"INSERT INTO tags (name, slug) VALUES ('text', $1)",
		"INSERT INTO endpoints (name, fingerprints, poll_interval) VALUES ('json', jsonb_build_array($1::text), 0)",
		"INSERT INTO endpoints (name, sealed_credentials, poll_interval) VALUES ('bytes', convert_to($1, 'UTF8'), 0)",
	} {
		if _, err := l.pool.Exec(t.Context(), sql, secret); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := bus.Encode(&proxopsv1.Snapshot{Identity: &proxopsv1.Identity{Name: strings.Repeat("x", 1000) + secret}})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*nats.Msg{
		"compressed": {Subject: subjects.Dead(subjects.StreamSnapshots, "e2e"), Data: packed},
		"header":     {Subject: subjects.Dead(subjects.StreamTasks, "e2e"), Header: nats.Header{"X": {secret}}},
	} {
		if _, err := l.bus.JetStream().PublishMsg(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	spy.log.of("e2e").Info("a line", "value", base64.StdEncoding.EncodeToString([]byte(secret)))
	found, err := spy.search(t.Context())
	if err != nil || len(found) != 6 {
		t.Errorf("found %d of 6 secrets: %v\n%s", len(found), err, strings.Join(found, "\n"))
	}
	r := &rest{base: l.rest.base, token: l.rest.token, secrets: &spy.secrets}
	if _, err := r.try(t.Context(), "GET", endpointsPath, nil); err == nil || !strings.Contains(err.Error(), secret) {
		t.Errorf("an answer with a secret was taken: %v", err)
	}
}
