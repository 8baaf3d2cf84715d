package web_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestFilesComeWithoutTheCookieOfASession(t *testing.T) {
	admin := serve(t)
	file := regexp.MustCompile(`"(/static/[^"]+)"`).FindStringSubmatch(admin.get("/user/profile/").body)
	if file == nil {
		t.Fatal("the page loads no file")
	}
	g := admin.get(file[1]).want(t, 200)
	if g.header.Get("Set-Cookie") != "" || strings.Contains(g.header.Get("Vary"), "Cookie") {
		t.Errorf("%s has headers of a session: %v", file[1], g.header)
	}
	admin.send("HEAD", file[1], nil).want(t, 200)
	named, _, _ := strings.Cut(file[1], "?")
	for path, want := range map[string]string{file[1]: "immutable", named: "no-cache", named + "?v=other": "no-cache"} {
		if got := admin.get(path).want(t, 200).header.Get("Cache-Control"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	admin.get("/static/none.js").want(t, 404)
}

func TestIconsAreDrawn(t *testing.T) {
	page := serve(t).get("/").want(t, 200)
	use := regexp.MustCompile(`<use href="([^"#]+)#`).FindStringSubmatch(page.body)
	if use == nil {
		t.Fatal("the page has no icon")
	}
	sprite := serve(t).get(use[1]).want(t, 200)
	if got := sprite.header.Get("Content-Type"); got != "image/svg+xml" {
		t.Errorf("icons come as %s", got)
	}
	sources, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?:icon\(|icon: |[iI]cons?\[)"([a-z-]+)"`)
	var written strings.Builder
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		written.Write(text)
		for _, name := range names.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(sprite.body, `<symbol id="`+name[1]+`"`) {
				t.Errorf("%s shows the icon %q, which is not drawn", source, name[1])
			}
		}
	}
	for _, drawn := range regexp.MustCompile(`<symbol id=("[^"]+")`).FindAllStringSubmatch(sprite.body, -1) {
		if !strings.Contains(written.String(), drawn[1]) {
			t.Errorf("the icon %s is drawn, and shown nowhere", drawn[1])
		}
	}
}
