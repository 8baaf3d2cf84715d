package pve

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// maxText is how long a text may be that the inventory keeps in a column of its own, in characters.
const maxText = 255

// maxWarnings bounds the warnings of one answer.
const maxWarnings = 50

// Warnings says which values could not be read and were left out. It holds at most fifty sentences and counts the rest.
type Warnings struct {
	list    []string
	more    int
	skipped uint32
}

// Skipped is how many entries of the answer were left out as a whole, because they are no objects of the kind or came twice.
func (w *Warnings) Skipped() uint32 { return w.skipped }

// List returns the warnings; the last one says how many more there are.
func (w *Warnings) List() []string {
	if w.more == 0 {
		return w.list
	}
	return append(slices.Clip(w.list), fmt.Sprintf("and %d more", w.more))
}

func (w *Warnings) addf(format string, args ...any) {
	if len(w.list) == maxWarnings {
		w.more++
		return
	}
	w.list = append(w.list, clip(fmt.Sprintf(format, args...), 300))
}

// fields reads the values of one object. A value that is absent or null gives the default; one that cannot be read gives the
// default too, and a warning.
type fields struct {
	object

	of   string // for warnings: whose fields
	warn *Warnings
}

func (f fields) unreadable(key string) {
	f.warn.addf("%s: %s has a value that cannot be read; it was left out", f.of, key)
}

func (f fields) has(key string) bool { return f.object[key] != nil }

func (f fields) flag(key string, byDefault bool) bool {
	if !f.has(key) {
		return byDefault
	}
	b, ok := lexBool(f.object[key])
	if !ok {
		f.unreadable(key)
		return byDefault
	}
	return b
}

// number reads an integer from 0 to 2^31-1.
func (f fields) number(key string) *int64 { return f.numberUpTo(key, math.MaxInt32) }

func (f fields) numberUpTo(key string, limit int64) *int64 {
	if !f.has(key) {
		return nil
	}
	n, ok := lexInt(f.object[key])
	if !ok || n < 0 || n > limit {
		f.unreadable(key)
		return nil
	}
	return &n
}

// size reads a count of bytes; an absent one is 0.
func (f fields) size(key string) int64 {
	if n := f.numberUpTo(key, math.MaxInt64); n != nil {
		return *n
	}
	return 0
}

// amount reads a number that may be fractional and is not negative.
func (f fields) amount(key string) *float64 {
	if !f.has(key) {
		return nil
	}
	x, ok := lexFloat(f.object[key])
	if !ok || x < 0 || math.IsInf(x, 0) {
		f.unreadable(key)
		return nil
	}
	return &x
}

// word reads a short text.
func (f fields) word(key string) string {
	s := f.text(key)
	if utf8.RuneCountInString(s) > maxText {
		f.unreadable(key)
		return ""
	}
	return s
}

func (f fields) text(key string) string {
	if !f.has(key) {
		return ""
	}
	s, ok := lexText(f.object[key])
	if !ok {
		f.unreadable(key)
	}
	return s
}

// props reads a property string; what is absent or unreadable has no properties.
func (f fields) props(key, defaultKey string) fields {
	out := fields{of: f.of + ", " + key, warn: f.warn}
	if !f.has(key) {
		return out
	}
	o, ok := lexProps(f.object[key], defaultKey)
	if !ok {
		f.unreadable(key)
	}
	out.object = o
	return out
}

func (f fields) ids(key string) []int64 {
	if !f.has(key) {
		return nil
	}
	ids, ok := lexIDs(f.object[key])
	if !ok {
		f.warn.addf("%s: %s names something that is no guest id; it was left out", f.of, key)
	}
	return ids
}

func (f fields) words(key string) []string {
	if !f.has(key) {
		return nil
	}
	words, ok := lexWords(f.object[key])
	if !ok {
		f.unreadable(key)
	}
	return words
}
