package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/proxops/proxops/libs/bus"
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

func (l *lab) searchLog(t *testing.T) {
	t.Helper()
	if l.secrets.in([]byte(l.log.String())) == "" {
		return
	}
	for line := range strings.Lines(l.log.String()) {
		if s := l.secrets.in([]byte(line)); s != "" {
			t.Errorf("the secret %q is in the log: %s", s, line)
		}
	}
}

// searchRows looks at every column of every row.
func (l *lab) searchRows(ctx context.Context, t *testing.T) {
	t.Helper()
	rows, _ := l.pool.Query(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) < 15 {
		t.Errorf("only %d tables were found to search", len(tables))
	}
	for _, table := range tables {
		rows, _ := l.pool.Query(ctx, fmt.Sprintf("SELECT x::text FROM %s x", pgx.Identifier{table}.Sanitize()))
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if s := l.secrets.in([]byte(text)); s != "" {
				t.Errorf("the secret %q is in table %s: %s", s, table, text)
			}
		}
	}
}

// searchStreams looks at every message that is stored, its headers and its content as it was before compression.
func (l *lab) searchStreams(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, name := range []string{subjects.StreamTasks, subjects.StreamSnapshots, subjects.StreamEvents, subjects.StreamDead} {
		stream, err := l.bus.JetStream().Stream(ctx, name)
		if err != nil {
			t.Errorf("search stream %s: %v", name, err)
			continue
		}
		state := stream.CachedInfo().State
		for seq := state.FirstSeq; seq <= state.LastSeq && seq > 0; seq++ {
			m, err := stream.GetMsg(ctx, seq)
			if err != nil {
				continue // a task that was done, or a message that was rolled up
			}
			texts := [][]byte{m.Data, []byte(fmt.Sprint(m.Header))}
			var unknown emptypb.Empty // keeps all fields of whatever message it is
			if bus.Decode(m.Data, &unknown) == nil {
				plain, err := proto.Marshal(&unknown)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, plain)
			}
			for _, text := range texts {
				if s := l.secrets.in(text); s != "" {
					t.Errorf("the secret %q is in stream %s at %d", s, name, seq)
				}
			}
		}
	}
}
