package change

import (
	"cmp"

	"github.com/proxops/proxops/libs/calendar"
)

// RoutineRepr is the display of a backup routine: its id with the schedule in words, or the bare id if it has no schedule.
func RoutineRepr(jobID, schedule string) string {
	e, err := calendar.ParseAny(schedule)
	if err != nil {
		return routineRepr(jobID, schedule)
	}
	return ParsedRoutineRepr(jobID, schedule, e)
}

// ParsedRoutineRepr is RoutineRepr for who has parsed the schedule already; the zero Event stands for one that cannot be parsed.
func ParsedRoutineRepr(jobID, schedule string, e calendar.Event) string {
	return routineRepr(jobID, cmp.Or(e.Words(), schedule))
}

func routineRepr(jobID, words string) string {
	if words == "" {
		return jobID
	}
	return jobID + " (" + words + ")"
}

// ReplicationRepr is the display of a replication: its id with the name of the guest and of the node that it is copied to.
func ReplicationRepr(replicationID, guest, target string) string {
	return replicationID + " (" + guest + " → " + target + ")"
}
