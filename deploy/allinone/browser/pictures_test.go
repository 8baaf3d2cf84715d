package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/proxops/proxops/libs/pvesim"
)

// maxPicture is what a picture of the README may have in bytes.
const maxPicture = 300_000

// TestPicturesOfTheReadme takes the pictures that the README shows, into the directory that PROXOPS_PICTURES names. The clusters are those of the demo.
func TestPicturesOfTheReadme(t *testing.T) {
	dir := os.Getenv("PROXOPS_PICTURES")
	if dir == "" {
		t.Skip("make screenshots does this")
	}
	p := newProduct(t, pvesim.FleetConfig{Clusters: 4, Jobs: 25, Seed: 1}, 4)
	p.decorate(t)
	b := p.login(t)
	b.open("/")
	b.eval(`localStorage.setItem("proxops-theme", "light")`, nil)
	routine := p.find(t, "/api/plugins/proxbox/backup-routines/?limit=1&tag=gold&endpoint=delta")
	endpoint := p.find(t, "/api/plugins/proxbox/endpoints/proxmox/?limit=1&name=alpha")
	for name, path := range map[string]string{
		"dashboard": "/", "list": replications, "detail": fmt.Sprintf("/plugins/proxbox/backup-routines/%v/", routine), "endpoint": fmt.Sprintf("/plugins/proxbox/endpoints/proxmox/%v/", endpoint),
	} {
		b.open(path)
		b.until("a quiet page", `document.fonts.status === "loaded" && !document.querySelector(".htmx-request")`)
		var png []byte
		b.run("take a picture of "+path, chromedp.CaptureScreenshot(&png))
		if len(png) > maxPicture {
			t.Errorf("the picture of %s has %d bytes, at most %d are for the README", path, len(png), maxPicture)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// decorate does what people do to such an inventory: tags, notes, a job that is gone. Texts that many machines have no letters for are written anew.
func (p *product) decorate(t *testing.T) {
	t.Helper()
	cluster := p.fleet.Clusters()[0]
	cluster.Edit(func(w *pvesim.World) { w.DeleteReplication(w.Replications[3].ID()) })
	p.sync(t) // it brings comments back, so they are written after it
	for slug, color := range map[string]string{"gold": "d4a017", "offsite": "2f6feb", "audit": "8250df"} {
		p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": slug, "slug": slug, "color": color})
	}
	wide := regexp.MustCompile(`[^\x00-\x{24f}\s]`)
	for _, path := range []string{"/api/plugins/proxbox/replications/", "/api/plugins/proxbox/backup-routines/"} {
		for i, v := range p.call(t, http.MethodGet, path+"?limit=0", nil)["results"].([]any) {
			o, change := v.(map[string]any), map[string]any{}
			if i%4 == 1 {
				change["tags"] = []any{map[string]any{"slug": []string{"gold", "offsite", "audit"}[i/4%3]}}
			}
			if comment, _ := o["comment"].(string); wide.MatchString(comment) {
				change["comment"] = "office in Zürich"
			}
			if len(change) > 0 {
				p.call(t, http.MethodPatch, fmt.Sprintf("%s%v/", path, o["id"]), change)
			}
		}
	}
}

// find returns the id of the first object of a list.
func (p *product) find(t *testing.T, path string) any {
	t.Helper()
	found := p.call(t, http.MethodGet, path, nil)["results"].([]any)
	if len(found) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return found[0].(map[string]any)["id"]
}
