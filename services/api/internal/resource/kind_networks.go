package resource

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Networks is a list of networks like 192.0.2.0/24, in a column of cidr[].
type Networks struct{ common }

func (Networks) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, row *Row) []byte {
		b = append(b, '[')
		for n, network := range decodeNetworks(row.Vals[i]) {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendString(b, network.String())
		}
		return append(b, ']')
	}
}

func (Networks) decode(v []byte) any { return decodeNetworks(v) }
func (Networks) empty() any          { return []netip.Prefix{} }

func (Networks) read(in *input, f *Field, v any) (any, []string) {
	items, ok := v.([]any)
	if !ok {
		return nil, []string{`Expected a list of items but got type "` + typeName(v) + `".`}
	}
	out := make([]netip.Prefix, 0, len(items))
	var unreadable Errors
	var wrong []string
	for i, item := range items {
		network, text := readNetwork(item)
		switch {
		case text != "":
			unreadable.Add(strconv.Itoa(i), text)
		case network != network.Masked():
			wrong = append(wrong, fmt.Sprintf("Item %d in the array did not validate: %s is not a valid prefix. Did you mean %s?", i+1, network, network.Masked()))
		}
		out = append(out, network)
	}
	if !unreadable.None() {
		in.errors.Nest(f.Name, unreadable)
		return nil, []string{}
	}
	if wrong != nil {
		return nil, wrong
	}
	return out, nil
}

// readNetwork reads a network; an address is a network of its own.
func readNetwork(v any) (network netip.Prefix, wrong string) {
	var text string
	switch v := v.(type) {
	case nil:
		return network, "This field may not be null."
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		return network, "Not a valid string."
	}
	if text == "" {
		return network, "This field may not be blank."
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	network, err := netip.ParsePrefix(text)
	if err != nil || network.Addr().Is4In6() {
		return network, "Invalid IP prefix format: " + text
	}
	return network, ""
}

// decodeNetworks takes an array of cidr apart; it is never nil.
func decodeNetworks(v []byte) []netip.Prefix {
	out := []netip.Prefix{}
	for _, item := range decodeItems(v) {
		if len(item) < 4 {
			continue
		}
		// family, bits, whether it is a cidr, length, address
		if a, ok := netip.AddrFromSlice(item[4:]); ok {
			out = append(out, netip.PrefixFrom(a, int(item[1])))
		}
	}
	return out
}

func (Networks) meta(*Resource, *Field) meta { return meta{Type: "list"} }

func (Networks) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()).NewRef(), nil
}
