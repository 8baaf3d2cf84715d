package subjects

import (
	"strconv"
	"strings"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// ParseTask is the reverse of Task: the endpoint of a subject of the stream TASKS, which is never zero; not ok for any other subject. Any
// trigger and site will do: a later version may know more of them.
func ParseTask(subject string) (endpoint int32, ok bool) {
	rest, ok := strings.CutPrefix(subject, "proxops.v1.task.")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 3 {
		return 0, false
	}
	return parseID(tokens[2])
}

// ParseDue is the reverse of Due: the schedule of syncs whose timer fired, which is never zero; not ok for any other subject.
func ParseDue(subject string) (schedule int32, ok bool) {
	id, ok := strings.CutPrefix(subject, "proxops.v1.due.")
	if !ok {
		return 0, false
	}
	return parseID(id)
}

// ParseSnapshot is the reverse of Snapshot: the kind and the endpoint of a subject of the stream SNAPSHOTS, neither of which is zero; not ok
// for any other subject, and for a kind that this version does not know.
func ParseSnapshot(subject string) (kind proxopsv1.Kind, endpoint int32, ok bool) {
	rest, ok := strings.CutPrefix(subject, "proxops.v1.snapshot.")
	token, id, two := strings.Cut(rest, ".")
	if !ok || !two {
		return 0, 0, false
	}
	kind = ParseKind(token)
	endpoint, ok = parseID(id)
	if !ok || kind == proxopsv1.Kind_KIND_UNSPECIFIED {
		return 0, 0, false
	}
	return kind, endpoint, true
}

// parseID reads an id the one way in which subjects spell it.
func parseID(token string) (int32, bool) {
	id, err := strconv.ParseInt(token, 10, 32)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != token {
		return 0, false
	}
	return int32(id), true
}
