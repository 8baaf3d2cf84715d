package bus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/fault"
)

const (
	// MaxEncoded is the largest message that Encode returns, in bytes: below NATS's default limit, with room for headers.
	MaxEncoded = 900 << 10
	// MaxDecoded is the largest message, in bytes before compression, that Encode takes and Decode gives.
	MaxDecoded = 64 << 20
)

var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
})

// decoder stops at MaxDecoded: a small message can claim, or expand, to any size.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxDecoded))
})

// Encode returns a message as it travels on the bus: protobuf, compressed with zstd. One that is too large is
// fault.Invalid.
func Encode(m proto.Message) ([]byte, error) {
	plain, err := proto.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "encode %s", m.ProtoReflect().Descriptor().Name())
	}
	if len(plain) > MaxDecoded {
		return nil, fault.New(fault.Invalid, "encode %s: it has %d bytes, more than %d", m.ProtoReflect().Descriptor().Name(), len(plain), MaxDecoded)
	}
	z, err := encoder()
	if err != nil {
		return nil, fmt.Errorf("make a zstd encoder: %w", err)
	}
	data := z.EncodeAll(plain, nil)
	if len(data) > MaxEncoded {
		return nil, fault.New(fault.Invalid, "encode %s: it has %d bytes compressed, more than the %d of a message",
			m.ProtoReflect().Descriptor().Name(), len(data), MaxEncoded)
	}
	return data, nil
}

// Decode reads into m what Encode returned. Anything else is fault.Invalid, also a message that would expand to more than
// MaxDecoded. Fields that this version does not know are kept.
func Decode(data []byte, m proto.Message) error {
	name := m.ProtoReflect().Descriptor().Name()
	z, err := decoder()
	if err != nil {
		return fmt.Errorf("make a zstd decoder: %w", err)
	}
	plain, err := z.DecodeAll(data, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return fault.New(fault.Invalid, "decode %s: it expands to more than %d bytes", name, MaxDecoded)
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "decompress %s of %d bytes", name, len(data))
	}
	if err := proto.Unmarshal(plain, m); err != nil {
		return fault.Wrap(fault.Invalid, err, "decode %s of %d bytes", name, len(plain))
	}
	return nil
}
