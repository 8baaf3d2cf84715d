package allinone_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	_ "time/tzdata"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
)

// given is a stack on servers of the test, which is quick to start.
func given(t *testing.T, dir string) allinone.Config {
	t.Helper()
	return allinone.Config{DataDir: dir, Listen: "127.0.0.1:0", DatabaseURL: pgtest.URL(t), NATSURL: natstest.Start(t).URL(localnats.Admin)}
}

func start(t *testing.T, cfg allinone.Config) (s *allinone.Stack, ended <-chan error) {
	t.Helper()
	s, err := allinone.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, done
}

func TestADataDirectoryHasOneProcess(t *testing.T) {
	dir := t.TempDir()
	start(t, given(t, dir))
	_, err := allinone.Start(t.Context(), given(t, dir))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second process on the directory got %v, want a conflict that names it", err)
	}
}

func TestTheFirstUserIsMadeOnceAndMayDoEverything(t *testing.T) {
	cfg := given(t, t.TempDir())
	s, _ := start(t, cfg)
	first, err := s.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Ready(t.Context())
	if err != nil || second.Token != "" || second.Password != "" {
		t.Errorf("a second start made a user again (%v)", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL+"/api/plugins/proxbox/endpoints/proxmox/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+first.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the first token gets %s", res.Status)
	}
	found, err := allinone.Running(cfg.DataDir)
	if err != nil || found.URL != first.URL || found.Token != "" {
		t.Errorf("the data directory says %+v (%v), want the address without the token", found, err)
	}
}

func TestTheReadyLineIsOneLineOfJSON(t *testing.T) {
	var out bytes.Buffer
	if err := (allinone.Ready{Ready: true, URL: "http://127.0.0.1:1", NATSURL: "n", DatabaseURL: "d"}).Print(&out); err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(out.Bytes(), &keys); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%q is not one line of JSON: %v", out.String(), err)
	}
	for _, absent := range []string{"username", "password", "token"} {
		if _, ok := keys[absent]; ok {
			t.Errorf("the line has %s although no user was made", absent)
		}
	}
}

func TestTheProcessEndsWithItsPostgres(t *testing.T) {
	dir := t.TempDir()
	s, ended := start(t, allinone.Config{DataDir: dir, Listen: "127.0.0.1:0", NATSURL: natstest.Start(t).URL(localnats.Admin), Disposable: true})
	if _, err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the process ended without saying that its Postgres died")
	}
}
