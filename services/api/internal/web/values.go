package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// maxShown is how many elements of a list are shown in one place.
const maxShown = 12

// between is what stands after an element of a list of n, but for the last.
func between(i, n int, separator string) string {
	if i == n-1 {
		return ""
	}
	return separator
}

// tall says that a value needs the width of its whole card: it is a long text, or of several lines.
func tall(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) > 160 || strings.Contains(v, "\n")
	case map[string]any:
		return v["url"] == nil && v["label"] == nil && len(v) > 0
	}
	return false
}

// visible makes text harmless to look at: control characters, and those that turn the direction of what follows, are shown as marks.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case unicode.IsControl(c):
			return '\uFFFD'
		case c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069' || c == '\u200E' || c == '\u200F' || c == '\u061C':
			return '\uFFFD'
		}
		return c
	}, s)
}

// plain is a value as text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = plain(e)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		if d := object(v).text("display"); d != "" {
			return d
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "" // what was decoded can be encoded
	}
	return string(text)
}

// indented is a JSON value for people.
func indented(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func count(n int) string { return grouped(int64(n)) }

// grouped is a whole number with commas.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, i := float64(n)/unit, 0
	for v > unit-1 && i < 4 { // what is nearly the next unit: guests have whole ones, but their memory is told in millions of bytes
		v, i = v/unit, i+1
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + " " + [...]string{"KiB", "MiB", "GiB", "TiB", "PiB"}[i]
}

func isTime(f *resource.Field, s string) bool {
	if f == nil {
		return false
	}
	_, ok := f.Kind.(resource.DateTime)
	return ok && len(s) >= len("2006-01-02T15:04:05Z")
}

func parseMoment(at string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, at)
	return t.UTC(), err == nil
}

// short is a time to the minute, in UTC until the browser knows better.
func short(at string) string {
	if t, ok := parseMoment(at); ok {
		return t.Format("2006-01-02 15:04")
	}
	return at
}

func exact(at string) string {
	if t, ok := parseMoment(at); ok {
		return t.Format("2006-01-02 15:04:05.000 UTC")
	}
	return at
}

// hex is a colour, grey if it is none.
func hex(color string) string {
	if len(color) == 6 && strings.Trim(strings.ToLower(color), "0123456789abcdef") == "" {
		return strings.ToLower(color)
	}
	return "9e9e9e"
}

// tone is the kind of meaning that a value has, which decides its colour and its mark.
func tone(value string) string {
	if t, ok := tones[value]; ok {
		return t
	}
	return "neutral"
}

var tones = map[string]string{
	"active": "good", "ok": "good", "completed": "good", "success": "good", "create": "good", "enabled": "good", "running": "busy", "pending": "busy", "scheduled": "busy",
	"stale": "bad", "failing": "bad", "failed": "bad", "errored": "bad", "delete": "bad", "danger": "bad", "cancelled": "warn", "partial": "warn", "warning": "warn",
	"planned": "info", "staged": "info", "staging": "info", "decommissioning": "warn",
	"offline": "neutral", "paused": "neutral", "never": "neutral", "disabled": "neutral", "update": "info", "info": "info", "error": "bad", "debug": "neutral",
}

// marks say the tone to those who do not see the colour.
var marks = map[string]string{"good": "check", "bad": "alert", "warn": "alert", "busy": "clock", "info": "info"}

// flagTone is what Yes or No to a field means: what one wants, what one does not want, what is switched off, or nothing in particular.
func flagTone(name string, yes bool) string {
	tone, ok := flagTones[name]
	switch {
	case !ok:
		return "plain"
	case yes:
		return tone.yes
	}
	return tone.no
}

var flagTones = map[string]struct{ yes, no string }{
	"enabled": {"good", "off"}, "disable": {"off", "plain"}, "is_active": {"good", "off"}, "online": {"good", "bad"}, "has_credentials": {"good", "bad"},
}

// flagMark is the icon of a flag.
func flagMark(tone string, yes bool) string {
	switch {
	case tone == "bad":
		return "alert"
	case tone == "off":
		return "off"
	case yes:
		return "check"
	}
	return "cross"
}

// items are the elements of a list as texts.
func (o object) items(name string) []string {
	all, _ := o[name].([]any)
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = plain(v)
	}
	return out
}

// choiceOrText is the value of a choice, or a text.
func (o object) choiceOrText(name string) string {
	if v := o.choice(name); v != "" {
		return v
	}
	return o.text(name)
}

// name is what an object is called.
func (o object) name() string { return fmt.Sprint(visible(o.text("display"))) }

// maxWord is how long a word may be in a list.
const maxWord = 20

// middle leaves out the middle of a text that begins with a long word, such as an id: what tells it from others is often at its end.
func middle(text string) string {
	word, rest := text, ""
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		word, rest = text[:i], text[i:]
	}
	runes := []rune(word)
	if len(runes) <= maxWord {
		return text
	}
	return string(runes[:maxWord/2-1]) + "…" + string(runes[len(runes)-maxWord/2+1:]) + rest
}

// nominal are numbers that are names of something, which nobody adds or compares.
var nominal = []string{"id", "vmid", "guest", "jobnum", "node_id", "changed_object_id", "assigned_object_id", "related_object_id", "version", "pepper_id"}

// measured says whether a field is a number that is more or less than others, which stands on the right of its column.
func measured(r *resource.Resource, name string) bool {
	f := r.Field(name)
	if f == nil || slices.Contains(nominal, name) {
		return false
	}
	switch f.Kind.(type) {
	case resource.Integer, resource.Float:
		return true
	}
	return false
}

// seconds is a time of the day to the second, in UTC until the browser knows better.
func seconds(at string) string {
	if t, ok := parseMoment(at); ok {
		return t.Format("2006-01-02 15:04:05")
	}
	return at
}
