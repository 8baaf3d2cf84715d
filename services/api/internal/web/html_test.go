package web_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// match says whether an element is one that is looked for.
type match func(*html.Node) bool

func tag(names ...string) match {
	return func(n *html.Node) bool { return slices.Contains(names, n.Data) }
}

// with is an attribute that an element has, with one of the values if any are given.
func with(name string, values ...string) match {
	return func(n *html.Node) bool {
		v, ok := attr(n, name)
		return ok && (len(values) == 0 || slices.Contains(values, v))
	}
}

func class(name string) match {
	return func(n *html.Node) bool {
		v, _ := attr(n, "class")
		return slices.Contains(strings.Fields(v), name)
	}
}

// saying is an element whose text is this, or has it if it begins with "…".
func saying(text string) match {
	return func(n *html.Node) bool {
		if part, ok := strings.CutPrefix(text, "…"); ok {
			return strings.Contains(textOf(n), part)
		}
		return textOf(n) == text
	}
}

// role is what an element is for those who do not see it.
func role(name string) match {
	return func(n *html.Node) bool {
		if v, ok := attr(n, "role"); ok {
			return v == name
		}
		_, linked := attr(n, "href")
		switch n.Data {
		case "a":
			return name == "link" && linked
		case "button", "summary":
			return name == "button"
		case "h1", "h2", "h3":
			return name == "heading"
		case "table":
			return name == "table"
		case "nav":
			return name == "navigation"
		}
		return false
	}
}

// all are the elements below a node that match everything, in their order.
func all(at *html.Node, what ...match) []*html.Node {
	var out []*html.Node
	if at == nil {
		return nil
	}
	for n := range at.Descendants() {
		if n.Type == html.ElementNode && !slices.ContainsFunc(what, func(m match) bool { return !m(n) }) {
			out = append(out, n)
		}
	}
	return out
}

func (g page) all(what ...match) []*html.Node { return all(g.root, what...) }

// has says whether the page has such an element.
func (g page) has(what ...match) bool { return len(g.all(what...)) > 0 }

// one is the only such element of the page.
func (g page) one(t *testing.T, what ...match) *html.Node {
	t.Helper()
	found := g.all(what...)
	if len(found) != 1 {
		t.Fatalf("%d such elements, want 1, in\n%s", len(found), g.body)
	}
	return found[0]
}

// control is the only control of this name.
func (g page) control(t *testing.T, name string) *html.Node {
	t.Helper()
	return g.one(t, tag("input", "select", "textarea"), with("name", name))
}

// links are the targets of all links.
func (g page) links() []string {
	var out []string
	for _, n := range g.all(tag("a"), with("href")) {
		to, _ := attr(n, "href")
		out = append(out, to)
	}
	return out
}

// text is the text of the page as people read it, without what scripts and styles are.
func (g page) text() string {
	if g.root == nil {
		return g.body
	}
	return textOf(g.root)
}

func hrefOf(n *html.Node) string {
	to, _ := attr(n, "href")
	return to
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// textOf is the text in a node with blanks made one.
func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.Data != "script" && c.Parent.Data != "style" {
			b.WriteString(c.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// sent is what a browser would send of a form: its own controls, and those that name it by its id.
func (g page) sent(form *html.Node) url.Values {
	out := url.Values{}
	id, _ := attr(form, "id")
	for _, n := range g.all(tag("input", "select", "textarea"), with("name")) {
		owner, named := attr(n, "form")
		if named && (owner != id || id == "") || !named && !within(n, form) {
			continue
		}
		if _, off := attr(n, "disabled"); off {
			continue
		}
		name, _ := attr(n, "name")
		for _, v := range valuesOf(n) {
			out.Add(name, v)
		}
	}
	return out
}

func within(n, above *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == above {
			return true
		}
	}
	return false
}

// valuesOf are what a browser sends of a control.
func valuesOf(n *html.Node) []string {
	switch n.Data {
	case "textarea":
		if n.FirstChild == nil {
			return []string{""}
		}
		return []string{n.FirstChild.Data}
	case "select":
		options := all(n, tag("option"), with("selected"))
		if _, many := attr(n, "multiple"); options == nil && !many {
			options = all(n, tag("option"))[:1]
		}
		var out []string
		for _, o := range options {
			v, ok := attr(o, "value")
			if !ok {
				v = textOf(o)
			}
			out = append(out, v)
		}
		return out
	}
	kind, _ := attr(n, "type")
	_, checked := attr(n, "checked")
	if (kind == "checkbox" || kind == "radio") && !checked || kind == "submit" || kind == "button" {
		return nil
	}
	v, ok := attr(n, "value")
	if !ok && kind == "checkbox" {
		v = "on"
	}
	return []string{v}
}

// nodeText is the text in a node as it is, with all its blanks.
func nodeText(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}
