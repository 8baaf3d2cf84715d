package localnats_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
)

func start(t *testing.T, dir string) *localnats.Server {
	t.Helper()
	s, err := localnats.Start(t.Context(), localnats.Config{StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestStartKeepsStreamsAndPasswords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "nats")
	one := start(t, dir)
	first := one.URL(localnats.Admin)
	js := connect(t, first)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil { // again
		t.Fatal(err)
	}
	two := start(t, dir)
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(two.URL(localnats.Admin), u.User.String()+"@127.0.0.1:") {
		t.Error("the password changed, or the server is not on loopback")
	}
	s, err := connect(t, two.URL(localnats.Admin)).Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "kept" {
		t.Errorf("message %v, %v", m, err)
	}
}

func TestStartRefusesADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	one := start(t, dir)
	_, err := localnats.Start(t.Context(), localnats.Config{StoreDir: dir})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), dir) {
		t.Fatalf("the second: %v, want a conflict that names the directory", err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestStartSaysInOneLineWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir())
	for name, cfg := range map[string]localnats.Config{
		"no directory": {},
		"a file":       {StoreDir: file},
		"a taken port": {StoreDir: t.TempDir(), Port: s.Port()},
	} {
		if _, err := localnats.Start(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStrangersAreKeptOut(t *testing.T) {
	s := start(t, t.TempDir())
	u, err := url.Parse(s.URL(localnats.Poller))
	if err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]*url.Userinfo{
		"nobody": nil, "wrong password": url.UserPassword("admin", "admin"), "another's password": url.UserPassword("admin", password(u)),
	} {
		u.User = user
		if nc, err := nats.Connect(u.String()); err == nil {
			nc.Close()
			t.Errorf("%s was let in", name)
		}
	}
}

func password(u *url.URL) string {
	p, _ := u.User.Password()
	return p
}
