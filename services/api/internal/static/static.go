// Package static serves files that are embedded in the binary: those of others as they were published, compressed where that saves much, and our own.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

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

// Files are files by path, such as "redoc-2.5.4/redoc.standalone.js".
type Files map[string]File

// Load reads all files below a directory; own are the directories in it whose paths name no version. It panics if it cannot, as what is embedded can be
// read.
func Load(from fs.FS, directory string, own ...string) Files {
	out := Files{}
	err := fs.WalkDir(from, directory, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		name, packed := strings.CutSuffix(strings.TrimPrefix(name, directory+"/"), ".gz")
		if !packed && len(body) > worthPacking && (strings.HasPrefix(media(name), "text/") || media(name) == svg) {
			body, packed = pack(body), true
		}
		first, _, _ := strings.Cut(name, "/")
		out[name] = File{
			Media: media(name), Body: body, ETag: `"` + hex.EncodeToString(sum[:12]) + `"`, Packed: packed, Fixed: !slices.Contains(own, first),
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

// worthPacking is the size in bytes above which a text is sent compressed.
const worthPacking = 1024

func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = w.Write(body)                                  // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

const svg = "image/svg+xml"

func media(name string) string {
	switch path.Ext(name) {
	case ".js": // whatever the machine's table of types says
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	case ".svg":
		return svg
	}
	if m := mime.TypeByExtension(path.Ext(name)); strings.HasPrefix(m, "image/") {
		return m
	}
	return "text/plain; charset=utf-8"
}

// Directory finds the directory that holds the files of a tool, whose name ends with its version.
func (f Files) Directory(tool string) string {
	for name := range f {
		if directory, _, _ := strings.Cut(name, "/"); strings.HasPrefix(directory, tool+"-") {
			return directory
		}
	}
	return ""
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

// Version is a query that changes with the file, for addresses of one that is not Fixed.
func (f File) Version() string { return "v=" + strings.Trim(f.ETag, `"`) }

// Keep is how long clients may keep the file that they asked for with a query, as Cache-Control says it: for ever, if the address names what is in it.
func (f File) Keep(query string) string {
	if f.Fixed || query == f.Version() {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// Serve answers a GET or HEAD with the file at a path, and says whether there is one.
func (f Files) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	file, ok := f[name]
	if !ok {
		return false
	}
	h := w.Header()
	body, etag := file.Body, file.ETag
	if file.Packed {
		if TakesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
		} else {
			body, _ = file.Plain() // what was embedded can be unpacked
			etag = strings.TrimSuffix(etag, `"`) + `-plain"`
		}
	}
	h.Set("Content-Type", file.Media)
	h.Set("ETag", etag)
	h.Set("Cache-Control", file.Keep(r.URL.RawQuery))
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	for have := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(have), "W/") == etag {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no file
	}
	return true
}

// TakesGzip says whether a header Accept-Encoding names gzip, and does not refuse it.
func TakesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
