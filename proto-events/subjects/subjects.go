// Package subjects names the streams, subjects and consumers that Proxops services meet at.
//
// Ids in subjects are the integer ids of the REST API and a site is a checked token, so no user text ever becomes a subject token.
package subjects

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Streams of JetStream.
const (
	StreamTasks     = "TASKS"
	StreamSnapshots = "SNAPSHOTS"
	StreamEvents    = "EVENTS"
	StreamDead      = "DEAD"
)

// What each stream stores.
const (
	AllSchedules = "proxops.v1.sched.*"
	AllTimers    = "proxops.v1.timer.*" // one for each schedule of syncs
	AllDue       = "proxops.v1.due.*"   // where timers fire
	AllTasks     = "proxops.v1.task.*.*.*"
	AllSnapshots = "proxops.v1.snapshot.*.*"
	AllEvents    = "proxops.v1.event.*.*.*"
	AllDead      = "proxops.v1.dead.>"
)

// AllClaims and AllReports are what projectors answer, for every site; AllProbes are what pollers answer.
const (
	AllClaims  = "proxops.v1.rpc.claim.*"
	AllReports = "proxops.v1.rpc.report.*"
	AllProbes  = "proxops.v1.rpc.probe.*"
)

// What is not stored, and may be missed.
const (
	// AllProgress says that a sync job moved on: what it says now is in Postgres.
	AllProgress = "proxops.v1.progress.*.*"
	// AllCancels stops runs.
	AllCancels = "proxops.v1.control.cancel.*"
	// ControlJobs is where the api says, without content, that jobs or schedules of syncs are new or changed. One projector takes it up; if none does,
	// they look by themselves.
	ControlJobs = "proxops.v1.control.jobs"
)

// ControlEndpoints is where the api says, on core NATS and without content, that endpoints changed: schedules are brought in line at once.
// Whoever misses it hears of the change from Postgres a minute later.
const ControlEndpoints = "proxops.v1.control.endpoints"

// ConsumerDue is the durable consumer of TASKS with which projectors begin the jobs of schedules.
const ConsumerDue = "projector-due"

// QueueProjector is the queue group in which projectors share requests.
const QueueProjector = "projector"

// ConsumerProjector is the durable consumer of SNAPSHOTS that all projectors share.
const ConsumerProjector = "projector"

// ConsumerDead is the durable consumer of DEAD with which projectors fail the runs of messages that were given up.
const ConsumerDead = "projector-dead"

// DefaultSite is the site of an endpoint that names none.
const DefaultSite = "default"

var site = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidSite says whether name can be a site: one subject token of lower-case letters, digits and hyphens, at most 63 long.
func ValidSite(name string) bool { return site.MatchString(name) }

// Schedule is where the recurring schedule of an endpoint is stored.
func Schedule(endpoint int64) string { return fmt.Sprintf("proxops.v1.sched.%d", endpoint) }

// Task is where the tasks of an endpoint go. The site must be valid.
func Task(trigger proxopsv1.Trigger, site string, endpoint int64) string {
	return fmt.Sprintf("proxops.v1.task.%s.%s.%d", triggerToken(trigger), site, endpoint)
}

// SiteTasks matches all tasks of a site with a trigger.
func SiteTasks(trigger proxopsv1.Trigger, site string) string {
	return fmt.Sprintf("proxops.v1.task.%s.%s.*", triggerToken(trigger), site)
}

// ConsumerTasks is the durable consumer of TASKS that the pollers of a site share for one trigger.
func ConsumerTasks(trigger proxopsv1.Trigger, site string) string {
	return fmt.Sprintf("poller-%s-%s", triggerToken(trigger), site)
}

func triggerToken(t proxopsv1.Trigger) string {
	if t == proxopsv1.Trigger_TRIGGER_MANUAL {
		return "manual"
	}
	return "scheduled"
}

// Claim is where pollers of a site ask for claims.
func Claim(site string) string { return "proxops.v1.rpc.claim." + site }

// Report is where pollers of a site report the end of a run.
func Report(site string) string { return "proxops.v1.rpc.report." + site }

// Probe is where pollers of a site are asked to try a connection.
func Probe(site string) string { return "proxops.v1.rpc.probe." + site }

// QueuePollers is the queue group in which the pollers of a site share requests.
func QueuePollers(site string) string { return "poller-" + site }

// Cancel is where pollers of a site hear of runs that need not go on.
func Cancel(site string) string { return "proxops.v1.control.cancel." + site }

// Progress is where the progress of a job on an endpoint is told; the endpoint is zero when it concerns the job as a whole.
func Progress(job, endpoint int32) string {
	return fmt.Sprintf("proxops.v1.progress.%d.%d", job, endpoint)
}

// ProgressOf is the Progress of a job on any endpoint.
func ProgressOf(job int32) string { return fmt.Sprintf("proxops.v1.progress.%d.*", job) }

// Timer is where the next run of a schedule of syncs is stored, and Due where it fires.
func Timer(schedule int32) string { return fmt.Sprintf("proxops.v1.timer.%d", schedule) }

// Due is where the timer of a schedule fires.
func Due(schedule int32) string { return fmt.Sprintf("proxops.v1.due.%d", schedule) }

// SiteOf returns the site of a Claim, Report or Probe subject.
func SiteOf(rpc string) string { return rpc[strings.LastIndexByte(rpc, '.')+1:] }

// Snapshot is where complete readings of an endpoint go.
func Snapshot(kind proxopsv1.Kind, endpoint int64) string {
	return fmt.Sprintf("proxops.v1.snapshot.%s.%d", KindToken(kind), endpoint)
}

// KindSync stands where events of Proxmox's jobs have their kind in those of sync jobs. It is no Kind: nobody reads such jobs from a cluster.
const KindSync = "sync"

// Event is where the changes of one job go. The kind is a KindToken or KindSync; the endpoint is zero if there is none, or several.
func Event(endpoint int64, kind string, object int64) string {
	return fmt.Sprintf("proxops.v1.event.%d.%s.%d", endpoint, kind, object)
}

// Dead is where a message of a stream goes when it is given up.
func Dead(stream, consumer string) string {
	return fmt.Sprintf("proxops.v1.dead.%s.%s", stream, consumer)
}

var kindTokens = map[proxopsv1.Kind]string{
	proxopsv1.Kind_KIND_BACKUP_ROUTINE: "backup_routine",
	proxopsv1.Kind_KIND_REPLICATION:    "replication",
	proxopsv1.Kind_KIND_INVENTORY:      "inventory",
}

// KindToken is a kind as subjects, events and tables spell it: backup_routine, replication, inventory; unknown kinds by number.
func KindToken(k proxopsv1.Kind) string {
	if t, ok := kindTokens[k]; ok {
		return t
	}
	return "kind" + strconv.Itoa(int(k))
}

// ParseKind is the reverse of KindToken; KIND_UNSPECIFIED for what is no kind.
func ParseKind(token string) proxopsv1.Kind {
	for k, t := range kindTokens {
		if t == token {
			return k
		}
	}
	return proxopsv1.Kind_KIND_UNSPECIFIED
}

// ErrorToken is a kind of error as tables, metrics and REST spell it: connect, permission; internal for what no sender named.
func ErrorToken(k proxopsv1.ErrorKind) string {
	if k == proxopsv1.ErrorKind_ERROR_KIND_UNSPECIFIED {
		k = proxopsv1.ErrorKind_ERROR_KIND_INTERNAL
	}
	return strings.ToLower(strings.TrimPrefix(k.String(), "ERROR_KIND_"))
}
