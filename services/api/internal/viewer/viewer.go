// Package viewer holds the pages that show the OpenAPI document to people, and the files of others that they are made of.
package viewer

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/proxops/proxops/services/api/internal/static"
)

//go:embed assets *.html
var files embed.FS

// own is the directory of the files that are not of others.
const own = "pages"

// Assets are the files that the pages load.
var Assets = static.Load(files, "assets", own)

// Page is a page and the policy to send with it, Content-Security-Policy, without which its nonce is worth nothing.
type Page struct {
	Body   []byte
	Policy string
}

var pages = template.Must(template.ParseFS(files, "*.html"))

// policies say what each page may do: load files of this server, and ask it. The tools need a little more.
var policies = map[string][]string{
	// Icons are images in the style sheet.
	"swagger-ui": {"script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"},
	// Styles are made while it runs, marked with the nonce, but for two that a browser names by their hashes: an empty one and one of a library.
	// The logo of the makers, which lies elsewhere, stays out.
	"redoc": {"script-src 'self'", "style-src 'nonce-%s' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='", "img-src 'self' data:", "font-src 'self'", "worker-src blob:"},
}

// Show makes a page for one answer: "swagger-ui" or "redoc".
func Show(name string) (Page, error) {
	nonce := rand.Text()
	var b bytes.Buffer
	err := pages.ExecuteTemplate(&b, name+".html", map[string]string{"Nonce": nonce, "Tool": Assets.Directory(name)})
	if err != nil {
		return Page{}, fmt.Errorf("write the page %s: %w", name, err)
	}
	policy := slices.Concat([]string{"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"}, policies[name])
	return Page{Body: b.Bytes(), Policy: strings.ReplaceAll(strings.Join(policy, "; "), "%s", nonce)}, nil
}
