// Package fault gives errors a kind, so that a caller knows what to do about one without knowing what it says.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what a caller can do about an error. The zero kind is Internal: an error nobody classified is ours.
type Kind uint8

// The kinds of errors.
const (
	// Internal means that the fault is on our side. It is logged; its text is not shown to strangers.
	Internal Kind = iota
	// Invalid means that the input is wrong: trying again with the same input cannot help.
	Invalid
	// Denied means that whoever asked may not do this.
	Denied
	// NotFound means that what was asked for does not exist.
	NotFound
	// Conflict means that the state of things forbids it now, for example another run that holds the claim.
	Conflict
	// Unavailable means that something needed cannot be reached: trying again later may help.
	Unavailable
)

var names = [...]string{
	Internal: "internal", Invalid: "invalid", Denied: "denied",
	NotFound: "not_found", Conflict: "conflict", Unavailable: "unavailable",
}

// String returns the name of the kind in snake_case, as it is written in logs and message headers.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return names[Internal]
}

// ParseKind returns the kind that has this name, and Internal for any other text.
func ParseKind(name string) Kind {
	for k, n := range names {
		if n == name {
			return Kind(k)
		}
	}
	return Internal
}

// kinded is an error with a kind. Its text is that of err alone.
type kinded struct {
	kind Kind
	err  error
}

func (e *kinded) Error() string { return e.err.Error() }
func (e *kinded) Unwrap() error { return e.err }

// New returns an error of this kind. The format may wrap errors with %w, as in fmt.Errorf.
func New(kind Kind, format string, args ...any) error {
	return &kinded{kind, fmt.Errorf(format, args...)}
}

// Wrap returns an error of this kind that says "what was being done: err" and unwraps to err. The new kind hides the one
// err had. Wrap returns nil if err is nil.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &kinded{kind, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)}
}

// KindOf returns the kind of the outermost error in err's chain that has one. A cancelled or expired context without a
// kind of its own is Unavailable; everything else, nil included, is Internal.
func KindOf(err error) Kind {
	if k, ok := errors.AsType[*kinded](err); ok {
		return k.kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}
