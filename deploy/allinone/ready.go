package allinone

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Ready is what a started process tells programs and people, as one line of JSON.
type Ready struct {
	Ready bool   `json:"ready"`
	URL   string `json:"url"`
	// Username, Password and Token are of the first user, and set only when it was just made.
	Username    string `json:"username,omitempty"`
	Password    string `json:"password,omitempty"` //nolint:gosec // it is shown once, to who started the process
	Token       string `json:"token,omitempty"`
	NATSURL     string `json:"nats_url"`
	DatabaseURL string `json:"database_url"`
}

// Print writes the line.
func (r Ready) Print(w io.Writer) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the ready line: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	return nil
}

// runningFile says, in the data directory and for its owner alone, where the process that uses it can be reached.
func runningFile(dataDir string) string { return filepath.Join(dataDir, "running.json") }

func (s *Stack) writeRunning() error {
	line, err := json.Marshal(Ready{Ready: true, URL: s.URL, NATSURL: s.NATSURL, DatabaseURL: s.DatabaseURL})
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
	line, err := os.ReadFile(runningFile(dataDir)) //nolint:gosec // the caller names its own directory
	if err != nil {
		return r, fmt.Errorf("no proxops runs on %s (start it, or give --database-url and --nats-url): %w", dataDir, err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", runningFile(dataDir), err)
	}
	return r, nil
}
