package web

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// difference is a field that a change changed.
type difference struct {
	label         string
	before, after []passage
}

// passage is some lines of a value.
type passage struct {
	text string
	same bool // on both sides of the change
}

// differences are what a change changed, by field; of a creation or a deletion, everything that is not empty.
func differences(r *resource.Resource, change object) []difference {
	before, after := change.sub("prechange_data"), change.sub("postchange_data")
	var names []string
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []difference
	for _, name := range names {
		was, is := indented(before[name]), indented(after[name])
		if was == is || len(before) == 0 && empty(after[name]) || len(after) == 0 && empty(before[name]) {
			continue
		}
		d := difference{label: label(r, name)}
		d.before, d.after = passages(lean(before[name]), lean(after[name]))
		out = append(out, d)
	}
	return out
}

// lean is a value of the change log for people.
func lean(v any) string {
	switch v.(type) {
	case map[string]any:
		return indented(v)
	}
	return plain(v)
}

// maxCompared is how many lines values may have whose lines are compared: that takes the product of both.
const maxCompared = 500

// passages are two texts, in which those lines are marked that both have. What is empty has none.
func passages(before, after string) (was, is []passage) {
	a, b := linesOf(before), linesOf(after)
	if len(a) < 2 || len(b) < 2 || len(a) > maxCompared || len(b) > maxCompared {
		return together(a, nil), together(b, nil)
	}
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if line == other {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	inA, inB := make([]bool, len(a)), make([]bool, len(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			inA[i], inB[j] = true, true
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			i++
		default:
			j++
		}
	}
	return together(a, inA), together(b, inB)
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// together joins lines that follow each other and are on both sides, or are not. Without marks none is.
func together(lines []string, same []bool) []passage {
	var out []passage
	for i, line := range lines {
		both := same != nil && same[i]
		if n := len(out); n > 0 && out[n-1].same == both {
			out[n-1].text += "\n" + line
		} else {
			out = append(out, passage{line, both})
		}
	}
	return out
}

// passagesText is a value as preformatted text. It is no template, as those add blanks.
func passagesText(all []passage) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		b.WriteString(`<pre dir="auto">`)
		for i, one := range all {
			if i > 0 {
				b.WriteByte('\n')
			}
			text := templ.EscapeString(visible(one.text))
			if one.same {
				text = `<span class="same">` + text + "</span>"
			}
			b.WriteString(text)
		}
		b.WriteString("</pre>")
		_, err := io.WriteString(w, b.String())
		return err
	})
}
