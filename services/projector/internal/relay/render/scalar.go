package render

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const null = "null"

func isNull(value string) bool { return value == "" || value == null }

// AppendString appends s as a JSON string without escaping what HTML would like escaped.
func AppendString(dst []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // strings always encode
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// AppendTime appends t as REST writes times: UTC with microseconds, which are left out when they are zero.
func AppendTime(dst []byte, t time.Time) []byte {
	layout := `"2006-01-02T15:04:05Z"`
	if t = t.UTC().Truncate(time.Microsecond); t.Nanosecond() != 0 {
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return t.AppendFormat(dst, layout)
}

// text returns the content of a JSON string, and "" for what is none.
func text(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(value), &s)
	return s
}

// reference returns the id that a reference holds, and 0 for null.
func reference(value string) int32 {
	id, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return 0
	}
	return int32(id)
}

// appendDatetime writes a datetime of a state in the one form that REST has; what is no time is kept as it is.
func appendDatetime(dst []byte, value string) []byte {
	t, err := time.Parse(time.RFC3339Nano, text(value))
	if err != nil {
		return appendCompact(dst, value)
	}
	return AppendTime(dst, t)
}
