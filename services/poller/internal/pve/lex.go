package pve

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The lexers read one value in every form in which some version of Proxmox VE, or a stand-in for one, writes it. They say false
// for what they cannot read.

func lexBool(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		n, ok := lexInt(v)
		return n == 1, ok && (n == 0 || n == 1)
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "1", "yes", "on", "true":
			return true, true
		case "", "0", "no", "off", "false":
			return false, true
		}
	}
	return false, false
}

func lexInt(v any) (int64, bool) {
	text, ok := number(v)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func lexFloat(v any) (float64, bool) {
	text, ok := number(v)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// number returns the decimal text of a number or of a string that holds one; strconv alone would take "Inf" and "0x1p4" too.
func number(v any) (string, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return "", false
	}
	return text, text != "" && strings.Trim(text, "0123456789+-.eE") == ""
}

// lexText takes numbers as well: Perl makes a number of a string that was used as one.
func lexText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return withoutNUL(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// lexProps reads a property string, or the object that Proxmox VE's lists have instead: "enabled=1,storage=x". A first part
// without a key belongs to defaultKey, when there is one.
func lexProps(v any, defaultKey string) (object, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case string:
		out := object{}
		for i, part := range strings.Split(v, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			key, value, found := strings.Cut(part, "=")
			if !found {
				if i > 0 || defaultKey == "" {
					return nil, false
				}
				key, value = defaultKey, part
			}
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		return out, true
	case json.Number, bool:
		if defaultKey != "" {
			return object{defaultKey: v}, true
		}
	}
	return nil, false
}

// lexWords reads a list of words: a string separated by commas, semicolons, blanks or NUL, or an array of texts. What it cannot
// read in the array is left out and makes it say false.
func lexWords(v any) ([]string, bool) {
	array, isArray := v.([]any)
	if !isArray {
		// Not lexText, which would hide the NULs.
		if s, isString := v.(string); isString {
			return splitAny(s, ",;\x00"), true
		}
		s, ok := lexText(v)
		if !ok {
			return nil, false
		}
		return []string{s}, true
	}
	out, good := []string{}, true
	for _, entry := range array {
		s, ok := lexText(entry)
		if s = strings.TrimSpace(s); ok && s != "" {
			out = append(out, s)
		}
		good = good && ok
	}
	return out, good
}

// lexIDs reads a list of guest ids, in its order and without repeats. What it cannot read is left out and makes it say false.
func lexIDs(v any) ([]int64, bool) {
	words, good := lexWords(v)
	out := make([]int64, 0, len(words))
	seen := make(map[int64]bool, len(words))
	for _, word := range words {
		n, ok := lexInt(word)
		if !ok || n < 1 || n > math.MaxInt32 {
			good = false
			continue
		}
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out, good
}

// lexPaths reads exclude-path: an array, or before 8.0 one string joined with NUL.
func lexPaths(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return slices.DeleteFunc(strings.Split(s, "\x00"), func(p string) bool { return p == "" }), true
	}
	array, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(array))
	for _, entry := range array {
		s, ok := lexText(entry)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func splitAny(s, separators string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) || unicode.IsSpace(r) })
}
