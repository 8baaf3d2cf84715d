package browser

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

//go:embed testdata/axe-core-*
var vendored embed.FS

// axe is the script of axe-core, which finds what keeps people with disabilities from using a page.
func axe(t *testing.T) string {
	t.Helper()
	found, err := fs.Glob(vendored, "testdata/axe-core-*/axe.min.js.gz")
	if err != nil || len(found) != 1 {
		t.Fatalf("find axe-core: %v %v", found, err)
	}
	packed, err := vendored.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	script, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// finding is a rule that a page breaks.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		Target         []any
		FailureSummary string
	}
}

func (f finding) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s (%s): %s", f.ID, f.Impact, f.Help)
	for i, n := range f.Nodes {
		if i == 3 {
			fmt.Fprintf(&s, "\n\tand %d more", len(f.Nodes)-i)
			break
		}
		fmt.Fprintf(&s, "\n\t%v %.200s\n\t%s", n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n\t"))
	}
	return s.String()
}

// accessible fails the test if the page that is open has a serious or critical finding. Rules are all there are, unless some are named.
func (b *tab) accessible(script, where string, rules ...string) {
	b.t.Helper()
	var there bool
	if b.eval(`!!window.axe`, &there); !there {
		b.eval(script+`; true`, nil)
	}
	options := `{resultTypes: ["violations"]}`
	if len(rules) > 0 {
		options = `{resultTypes: ["violations"], runOnly: {type: "rule", values: ["` + strings.Join(rules, `","`) + `"]}}`
	}
	var found []finding
	b.eval(`axe.run(document, `+options+`).then((r) => r.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help,
		nodes: v.nodes.map((n) => ({html: n.html, target: n.target, failureSummary: n.failureSummary}))})))`, &found)
	for _, f := range found {
		if f.Impact == "serious" || f.Impact == "critical" {
			b.t.Errorf("%s: %s", where, f)
		}
	}
}
