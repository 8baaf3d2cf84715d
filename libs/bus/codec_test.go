package bus_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
)

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "short": "x", "long": strings.Repeat("job ", 1<<20)} {
		data, err := bus.Encode(wrapperspb.String(text))
		if err != nil {
			t.Fatal(err)
		}
		out := &wrapperspb.StringValue{}
		if err := bus.Decode(data, out); err != nil || out.GetValue() != text {
			t.Errorf("%s: %v, and %d bytes of %d", name, err, len(out.GetValue()), len(text))
		}
	}
}

func TestEncodeRefusesWhatIsTooLarge(t *testing.T) {
	random := make([]byte, bus.MaxEncoded+1)
	_, _ = rand.Read(random)
	for name, m := range map[string]*wrapperspb.BytesValue{
		"compressed":   wrapperspb.Bytes(random),
		"uncompressed": wrapperspb.Bytes(make([]byte, bus.MaxDecoded+1)),
	} {
		if _, err := bus.Encode(m); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestDecodeRefusesHostileMessages(t *testing.T) {
	good, err := bus.Encode(wrapperspb.String(strings.Repeat("job ", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer // a bomb that does not tell its size
	sw, err := zstd.NewWriter(&streamed)
	if err != nil {
		t.Fatal(err)
	}
	for range bus.MaxDecoded>>20 + 1 {
		if _, err := sw.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty of everything": {1},
		"not compressed":      []byte("{}"),
		"cut":                 good[:len(good)/2],
		"not protobuf":        z.EncodeAll([]byte{0xff, 0xff, 0xff}, nil),
		"bomb":                z.EncodeAll(make([]byte, bus.MaxDecoded+1), nil),
		"streamed bomb":       streamed.Bytes(),
		"two frames":          append(z.EncodeAll(make([]byte, bus.MaxDecoded/2), nil), z.EncodeAll(make([]byte, bus.MaxDecoded/2+1), nil)...),
	} {
		if err := bus.Decode(data, &wrapperspb.StringValue{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s (%d bytes): %v, want invalid", name, len(data), err)
		}
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	good, err := bus.Encode(wrapperspb.String("job"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := bus.Decode(data, &wrapperspb.StringValue{}); err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v is not invalid", err)
		}
	})
}
