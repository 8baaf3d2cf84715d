package web_test

import (
	"bytes"
	"context"
	"log/slog"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/services/api/internal/web"
)

func TestPagesNeedALoginAndGoBackAfterIt(t *testing.T) {
	admin := serve(t)
	nobody := admin.visitor()
	nobody.get("/extras/tags/?q=x").goes(t, "/login/?next=%2Fextras%2Ftags%2F%3Fq%3Dx")
	nobody.post("/login/", url.Values{"username": {"admin"}, "password": {password}, "next": {"/extras/tags/?q=x"}}).goes(t, "/extras/tags/?q=x")
	if g := nobody.get("/extras/tags/").want(t, 200); !g.has(role("heading"), saying("Tags")) {
		t.Errorf("not the list of tags: %s", g.text())
	}
	nobody.post("/logout/", nil).goes(t, "/login/")
	nobody.get("/").goes(t, "/login/")
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	admin := serve(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "/\r\nSet-Cookie: a=b", "javascript:alert(1)", "\t//evil.example", ""} {
		admin.visitor().post("/login/", url.Values{"username": {"admin"}, "password": {password}, "next": {next}}).goes(t, "/")
	}
}

func TestASessionEndsWhenItIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		alone time.Duration
		saved bool // or taken away
		want  int
	}{{0, false, 200}, {2 * time.Hour, true, 200}, {15 * 24 * time.Hour, true, 303}} {
		admin := serve(t)
		ctx, err := admin.ui.Sessions.Load(t.Context(), admin.session())
		if err != nil {
			t.Fatal(err)
		}
		admin.ui.Sessions.Put(ctx, "seen", time.Now().Add(-c.alone).Unix())
		if _, _, err := admin.ui.Sessions.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if status, _ := admin.ask("GET", "/extras/tags/", nil); (status == 200) != (c.want == 200) {
			t.Errorf("after %s the API answers %d", c.alone, status)
		}
		g := admin.get("/user/profile/").want(t, c.want)
		if saved := g.header.Get("Set-Cookie") != ""; saved != c.saved {
			t.Errorf("after %s the session is saved: %t", c.alone, saved)
		}
	}
}

func TestSessionsThatEndedAreForgotten(t *testing.T) {
	admin := serve(t)
	admin.run("INSERT INTO sessions (token, data, expiry) VALUES ('old', '', now() - interval '1 s'), ('new', '', now() + interval '1 h')")
	count := func(token string) (n int) {
		if err := admin.pool.QueryRow(t.Context(), "SELECT count(*) FROM sessions WHERE token = $1", token).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.ForgetSessions(ctx, admin.ui.Queries, slog.New(slog.DiscardHandler)) }()
	for deadline := time.Now().Add(time.Minute); count("old") > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := count("new"); n != 1 {
		t.Errorf("%d that did not end are left", n)
	}
}

func TestFormsOfStrangersAreReadWithinBounds(t *testing.T) {
	admin := serve(t)
	form := url.Values{"username": {"admin"}, "password": {password}, "next": {strings.Repeat("x", 11<<20)}}.Encode()
	g := admin.visitor().send("POST", "/login/", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded").want(t, 413)
	if !g.has(role("heading"), saying("That is too much")) || !strings.Contains(g.text(), "larger than 10 MiB") {
		t.Errorf("it is not said that it is too large: %s", g.text())
	}
	var files bytes.Buffer
	w := multipart.NewWriter(&files)
	for name, value := range map[string]string{"username": "admin", "password": password, "next": "/extras/tags/"} {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for method, status := range map[string]int{"GET": 200, "POST": 403} {
		g := admin.visitor().send(method, "/login/", bytes.NewReader(files.Bytes()), "Content-Type", w.FormDataContentType()).want(t, status)
		if next, _ := attr(g.control(t, "next"), "value"); next != "/" {
			t.Errorf("%s reads forms that can have files: %q", method, next)
		}
	}
}

func TestLoginRefusesWithoutSayingWhatIsWrong(t *testing.T) {
	admin := serve(t)
	gone := admin.make("/users/users/", map[string]any{"username": "gone", "password": password, "is_active": false})
	if gone == 0 {
		t.Fatal("no user")
	}
	for _, name := range []string{"gone", "nobody", "ADMIN"} {
		g := admin.visitor().post("/login/", url.Values{"username": {name}, "password": {password}}).want(t, 403)
		if text := textOf(g.one(t, role("alert"))); text != "Invalid username/password" {
			t.Errorf("%s: %q", name, text)
		}
		if v, _ := attr(g.control(t, "username"), "value"); v != name {
			t.Errorf("the name %q was lost: %q", name, v)
		}
		if strings.Contains(g.body, password) {
			t.Error("the page has the password")
		}
	}
}
