package poll

import (
	"errors"
	"fmt"
	"strings"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// failure is why a kind has no snapshot.
type failure struct {
	outcome proxopsv1.Outcome
	report  *proxopsv1.RunError
	// failover is true when another address of the cluster may know better.
	failover bool
}

func (f *failure) Error() string { return f.report.GetText() }

// failed is a failure that the poller finds by itself; every address of the cluster would give the same.
func failed(kind proxopsv1.ErrorKind, remedy, format string, args ...any) *failure {
	return &failure{
		outcome: proxopsv1.Outcome_OUTCOME_FAILED,
		report:  &proxopsv1.RunError{Kind: kind, Text: fmt.Sprintf(format, args...), Remedy: remedy},
	}
}

// leftUnread is why a kind has no result when its run was ended before it had one: the poller stops, or the run was cancelled.
func leftUnread() *failure {
	return &failure{
		outcome: proxopsv1.Outcome_OUTCOME_ABANDONED,
		report: &proxopsv1.RunError{
			Kind: proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, Text: "the poller stopped before it had read this", Remedy: "Nothing: another run reads it.",
		},
	}
}

// failureOf gives any error the form of a failure.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*pve.Error](err); ok {
		return &failure{
			outcome: proxopsv1.Outcome_OUTCOME_FAILED, failover: e.Failover,
			report: e.RunError(),
		}
	}
	return failed(proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, "Report this as a bug, with the poller's log.", "%v", err)
}

// after says what the addresses before had failed with, too.
func (f *failure) after(before []*failure) *failure {
	if len(before) == 0 {
		return f
	}
	var texts []string
	for _, b := range before {
		texts = append(texts, b.Error())
	}
	out := *f
	out.report = &proxopsv1.RunError{
		Kind: f.report.GetKind(), Text: strings.Join(append(texts, f.report.GetText()), "; then "),
		Remedy: f.report.GetRemedy(), MissingPrivilege: f.report.GetMissingPrivilege(),
	}
	return &out
}
