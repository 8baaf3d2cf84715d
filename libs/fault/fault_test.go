package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/proxops/proxops/libs/fault"
)

func TestKindOfFindsTheOutermostKind(t *testing.T) {
	invalid := fault.New(fault.Invalid, "no upid")
	for name, tc := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"nil":                    {nil, fault.Internal},
		"plain":                  {io.EOF, fault.Internal},
		"new":                    {invalid, fault.Invalid},
		"wrapped with fmt":       {fmt.Errorf("store job: %w", invalid), fault.Invalid},
		"wrapped with a kind":    {fault.Wrap(fault.Conflict, invalid, "store job"), fault.Conflict},
		"joined":                 {errors.Join(io.EOF, invalid), fault.Invalid},
		"deadline":               {fmt.Errorf("ask: %w", context.DeadlineExceeded), fault.Unavailable},
		"deadline, but internal": {fault.Wrap(fault.Internal, context.DeadlineExceeded, "ask"), fault.Internal},
	} {
		if got := fault.KindOf(tc.err); got != tc.want {
			t.Errorf("%s: KindOf(%v) = %v, want %v", name, tc.err, got, tc.want)
		}
	}
}

func TestWrapSaysWhatWasBeingDoneAndUnwraps(t *testing.T) {
	err := fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "read %s", "/cluster/backup")
	if got, want := err.Error(), "read /cluster/backup: unexpected EOF"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if fault.Wrap(fault.Invalid, nil, "read") != nil {
		t.Error("Wrap of nil is not nil")
	}
	if !errors.Is(fault.New(fault.NotFound, "endpoint: %w", io.EOF), io.EOF) {
		t.Error("New does not wrap with the w verb")
	}
}

func TestParseKindIsTheInverseOfString(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if got := fault.ParseKind(k.String()); got != k {
			t.Errorf("ParseKind(%q) = %v", k, got)
		}
	}
	if got := fault.ParseKind("from the future"); got != fault.Internal {
		t.Errorf("an unknown name is %v, want internal", got)
	}
	if got := fault.Kind(99).String(); got != "internal" {
		t.Errorf("an unknown kind is called %q", got)
	}
}
