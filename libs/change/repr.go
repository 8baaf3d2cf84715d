package change

import "github.com/proxops/proxops/libs/calendar"

// RoutineRepr is the display of a backup routine: its id with the schedule in words, or the bare id if it has no schedule.
func RoutineRepr(jobID, schedule string) string {
	if schedule == "" {
		return jobID
	}
	words := schedule
	if e, err := calendar.ParseAny(schedule); err == nil {
		words = e.Words()
	}
	return jobID + " (" + words + ")"
}

// ReplicationRepr is the display of a replication: its id with the name of the guest and of the node that it is copied to.
func ReplicationRepr(replicationID, guest, target string) string {
	return replicationID + " (" + guest + " → " + target + ")"
}
