package web_test

import (
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
	admin.get("/static/none.js").want(t, 404)
}
