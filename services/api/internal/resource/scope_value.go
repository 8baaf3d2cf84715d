package resource

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// operander is a kind whose values a constraint can be about.
type operander interface {
	// operand returns a value of a constraint, which is not null, as an argument of the SQL type; ok is false if it is none of the kind's.
	operand(v any) (arg any, sqlType string, ok bool)
}

func (Char) operand(v any) (any, string, bool)   { return textOperand(v) }
func (Text) operand(v any) (any, string, bool)   { return textOperand(v) }
func (Choice) operand(v any) (any, string, bool) { return textOperand(v) }

func textOperand(v any) (any, string, bool) {
	s, ok := plainText(v)
	return s, "text", ok
}

// plainText returns a text, number or boolean as Python writes it.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string, bool, json.Number:
		s := PythonString(v)
		return s, !strings.ContainsRune(s, 0)
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

func (Integer) operand(v any) (any, string, bool)   { return wholeOperand(v) }
func (Reference) operand(v any) (any, string, bool) { return wholeOperand(v) }

func wholeOperand(v any) (any, string, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), "bigint", true
		}
		return int64(0), "bigint", true
	case int64:
		return v, "bigint", true
	case string, json.Number:
		n, ok := wholeNumber(fmt.Sprint(v))
		return n, "bigint", ok
	}
	return nil, "", false
}

func (Float) operand(v any) (any, string, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), "float8", true
	case string, json.Number:
		n, ok := number(fmt.Sprint(v))
		return n, "float8", ok
	}
	return nil, "", false
}

func (Boolean) operand(v any) (any, string, bool) {
	switch fmt.Sprint(v) {
	case "true", "True", "t", "1":
		return true, "boolean", true
	case "false", "False", "f", "0":
		return false, "boolean", true
	}
	return nil, "", false
}

func (DateTime) operand(v any) (any, string, bool) {
	s, _ := v.(string)
	t, ok := parseTime(s)
	return t, "timestamptz", ok
}

func (UUID) operand(v any) (any, string, bool) {
	s, _ := v.(string)
	id, err := uuid.Parse(s)
	return id, "uuid", err == nil
}
