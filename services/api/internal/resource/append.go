package resource

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/proxops/proxops/libs/seal"
)

// Row is what appenders see of one row: the values as Postgres sent them, nil for NULL, and what absolute urls need.
type Row struct {
	Vals   [][]byte
	Origin string // scheme and host
	Suffix string // query that urls keep, "?format=json" or empty
	Custom *definitions
	reveal map[int64]seal.Secret // see Address
}

// appender appends the JSON of one value of a row to b.
type appender func(b []byte, r *Row) []byte

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. As NetBox does, it leaves UTF-8 and HTML as they are; what is no UTF-8 becomes U+FFFD.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			if c, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))])); c != utf8.RuneError || size != 1 {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			b = append(b, "\uFFFD"...)
			i++
			start = i
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

func appendInt(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }

func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if t.Nanosecond() == 0 {
		return t.AppendFormat(b, "2006-01-02T15:04:05Z")
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}

// appendFloat writes a float as Python does where that is JSON: 1.0 keeps its fraction.
func appendFloat(b []byte, f float64) []byte {
	start := len(b)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...) // JSON has no word for it
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if bytes.IndexByte(b[start:], '.') >= 0 {
		return b
	}
	return append(b, '.', '0')
}

// The following decode values in the binary format of Postgres.

func decodeInt(v []byte) int64 {
	switch len(v) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func decodeFloat(v []byte) float64 {
	if len(v) != 8 {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v))
}

// epoch is where Postgres counts microseconds from, in Unix time.
const epoch = 946684800

func decodeTime(v []byte) time.Time {
	us := decodeInt(v)
	return time.UnixMicro(epoch*1e6 + us).UTC()
}

// decodeJSON drops the version byte that jsonb has in binary format only.
func decodeJSON(v []byte) []byte {
	if len(v) > 0 && v[0] == 1 {
		return v[1:]
	}
	return v
}

// decodeTextList takes a text array of one dimension apart.
func decodeTextList(v []byte) []string {
	items := decodeItems(v)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	return texts
}

// decodeItems takes an array of one dimension apart: its items as Postgres sends them, nil for NULL.
func decodeItems(v []byte) [][]byte {
	if len(v) < 20 || binary.BigEndian.Uint32(v) != 1 {
		return nil
	}
	items := make([][]byte, binary.BigEndian.Uint32(v[12:]))
	v = v[20:]
	for i := range items {
		items[i], v = cutSized(v)
	}
	return items
}

// cutSized cuts off what begins with its size in four bytes; nil for NULL.
func cutSized(v []byte) (item, rest []byte) {
	n := int(int32(binary.BigEndian.Uint32(v)))
	if v = v[4:]; n < 0 {
		return nil, v
	}
	return v[:n:n], v[n:]
}

// decodeTexts takes a text array of two dimensions apart, row by row; width is the length of the second.
func decodeTexts(v []byte) (texts [][]byte, width int) {
	if len(v) < 28 || binary.BigEndian.Uint32(v) != 2 {
		return nil, 0
	}
	rows, width := int(binary.BigEndian.Uint32(v[12:])), int(binary.BigEndian.Uint32(v[20:]))
	v = v[28:]
	texts = make([][]byte, 0, rows*width)
	for range rows * width {
		n := int(int32(binary.BigEndian.Uint32(v)))
		v = v[4:]
		if n < 0 {
			texts = append(texts, nil)
			continue
		}
		texts, v = append(texts, v[:n]), v[n:]
	}
	return texts, width
}
