// Package viewer holds the pages that show the OpenAPI document to people, and the files of others that they are made of.
package viewer

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"path"
	"slices"
	"strings"
)

//go:embed assets *.html
var files embed.FS

// File is a file that a page loads.
type File struct {
	Media string
	Body  []byte
	ETag  string
	// Packed says that Body is compressed by gzip, as large files are kept.
	Packed bool
	// Fixed says that what lies at its path never changes: the path names a version.
	Fixed bool
}

// own is the directory of the files that are not of others.
const own = "pages"

// assets are all files by path, such as "redoc-2.5.4/redoc.standalone.js".
var assets = func() map[string]File {
	out := map[string]File{}
	err := fs.WalkDir(files, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		name, packed := strings.CutSuffix(strings.TrimPrefix(name, "assets/"), ".gz")
		out[name] = File{Media: media(name), Body: body, ETag: `"` + hex.EncodeToString(sum[:12]) + `"`, Packed: packed, Fixed: !strings.HasPrefix(name, own+"/")}
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	return out
}()

func media(name string) string {
	switch path.Ext(name) {
	case ".js": // whatever the machine's table of types says
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	}
	if m := mime.TypeByExtension(path.Ext(name)); strings.HasPrefix(m, "image/") {
		return m
	}
	return "text/plain; charset=utf-8"
}

// Asset returns the file at a path.
func Asset(name string) (File, bool) {
	f, ok := assets[name]
	return f, ok
}

// Plain returns the body as it is without compression, for clients that know none.
func (f File) Plain() ([]byte, error) {
	if !f.Packed {
		return f.Body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(f.Body))
	if err != nil {
		return nil, fmt.Errorf("unpack a file: %w", err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpack a file: %w", err)
	}
	return body, nil
}

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
	err := pages.ExecuteTemplate(&b, name+".html", map[string]string{"Nonce": nonce, "Tool": toolDirectory(name)})
	if err != nil {
		return Page{}, fmt.Errorf("write the page %s: %w", name, err)
	}
	policy := slices.Concat([]string{"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"}, policies[name])
	return Page{Body: b.Bytes(), Policy: strings.ReplaceAll(strings.Join(policy, "; "), "%s", nonce)}, nil
}

// toolDirectory finds the directory that holds the files of a tool, whose name ends with its version.
func toolDirectory(tool string) string {
	for name := range assets {
		if directory, _, _ := strings.Cut(name, "/"); strings.HasPrefix(directory, tool+"-") {
			return directory
		}
	}
	return ""
}
