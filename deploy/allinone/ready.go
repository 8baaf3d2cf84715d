package allinone

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/proxops/proxops/libs/dirlock"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/secretfile"
	"github.com/proxops/proxops/services/api/admin"
)

// Ready is what a started process tells programs and people, as one line of JSON.
type Ready struct {
	Ready bool   `json:"ready"`
	URL   string `json:"url"`
	// Username, Password and Token are of the first user, and set only when it was just made.
	Username    string `json:"username,omitempty"`
	Password    string `json:"password,omitempty"`
	Token       string `json:"token,omitempty"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
}

// Print writes the line.
func (r Ready) Print(w io.Writer) error {
	line, err := json.Marshal(r) //nolint:gosec // it is shown once, to who started the process
	if err != nil {
		return fmt.Errorf("encode the ready line: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	return nil
}

// Ready waits until REST answers, and makes the first user if there is none. Call it while Run runs.
func (s *Stack) Ready(ctx context.Context) (Ready, error) {
	r := Ready{Ready: true, URL: s.URL, NATSURL: s.NATSURL, DatabaseURL: s.DatabaseURL}
	if err := s.answers(ctx); err != nil {
		return r, err
	}
	return r, s.firstUser(ctx, &r)
}

// answers waits until REST says anything at all: without a user it says 403.
func (s *Stack) answers(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/", nil)
		if err != nil {
			return fmt.Errorf("ask REST whether it is ready: %w", err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// firstUser makes the user admin with a password and a token if there are no users yet.
func (s *Stack) firstUser(ctx context.Context, r *Ready) error {
	pool, err := postgres.Open(ctx, s.DatabaseURL, postgres.Options{Name: "proxops", MaxConns: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	users, err := admin.ListUsers(ctx, pool)
	if err != nil || len(users) > 0 {
		return err
	}
	password, err := secretfile.Random()
	if err != nil {
		return err
	}
	first, err := admin.CreateUser(ctx, pool, admin.NewUser{Name: "admin", Email: "admin@example.com", Password: seal.Secret(password), Superuser: true})
	if err != nil {
		return err
	}
	token, err := admin.CreateToken(ctx, pool, s.secrets.Peppers, first.Name, admin.NewToken{Version: 2, Description: "made with the first user"})
	if err != nil {
		return err
	}
	r.Username, r.Password, r.Token = first.Name, string(password), token.Reveal()
	return nil
}

// runningFile says, in the data directory and for its owner alone, where the process that uses it can be reached.
func runningFile(dataDir string) string { return filepath.Join(dataDir, "running.json") }

func (s *Stack) writeRunning() error {
	line, err := json.Marshal(Ready{Ready: true, URL: s.URL, NATSURL: s.NATSURL, DatabaseURL: s.DatabaseURL}) //nolint:gosec // for the owner of the data directory alone
	if err != nil {
		return fmt.Errorf("encode where this process is reached: %w", err)
	}
	if err := os.WriteFile(runningFile(s.cfg.DataDir), line, 0o600); err != nil {
		return fmt.Errorf("say where this process is reached: %w", err)
	}
	return nil
}

// Running returns where the process that uses a data directory can be reached.
func Running(dataDir string) (Ready, error) {
	var r Ready
	line, err := os.ReadFile(runningFile(dataDir))
	if err != nil {
		return r, fmt.Errorf("no proxops runs on %s (start it, name its --data-dir, or give --database-url and --nats-url): %w", dataDir, err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", runningFile(dataDir), err)
	}
	if lock, err := dirlock.Acquire(dataDir); err == nil {
		lock.Unlock()
		return Ready{}, fmt.Errorf("the proxops that ran on %s was killed: start it again", dataDir)
	}
	return r, nil
}
