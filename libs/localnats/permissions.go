package localnats

import (
	"slices"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/proxops/proxops/proto-events/subjects"
)

// Users of every server.
const (
	Poller    = "poller"
	Projector = "projector"
	API       = "api"
	Admin     = "admin" // may do everything
)

// permissions are the least subjects that each service needs. A service receives replies below _INBOX.<its name>, so that
// none can listen to the answers another gets.
var permissions = map[string]*server.Permissions{
	Admin: nil,
	Poller: {
		Publish: allow(
			subjects.AllClaims, subjects.AllReports, subjects.AllSnapshots, "proxops.v1.dead."+subjects.StreamTasks+".>",
			"$JS.API.INFO", consumerAPI(subjects.StreamTasks), "$JS.ACK."+subjects.StreamTasks+".>",
		),
		Subscribe: allow("_INBOX.poller.>", subjects.AllProbes, subjects.AllCancels),
		Response:  replies,
	},
	Projector: {
		Publish: allow(
			subjects.AllSchedules, subjects.AllTasks, subjects.AllTimers, subjects.AllDue, subjects.AllEvents, subjects.AllDead, subjects.AllProgress, subjects.ControlJobs,
			"$JS.API.>", "$JS.ACK.>", "$JS.FC.>",
		),
		Subscribe: allow("_INBOX.projector.>", subjects.AllClaims, subjects.AllReports, subjects.ControlEndpoints, subjects.ControlJobs),
		Response:  replies,
	},
	API: {
		Publish: allow(
			subjects.ControlEndpoints, subjects.ControlJobs, subjects.AllCancels, subjects.AllProbes, subjects.AllProgress,
			"$JS.API.INFO", "$JS.API.STREAM.INFO."+subjects.StreamEvents, "$JS.API.DIRECT.GET."+subjects.StreamEvents, "$JS.API.DIRECT.GET."+subjects.StreamEvents+".>",
			consumerAPI(subjects.StreamEvents), "$JS.API.CONSUMER.DELETE."+subjects.StreamEvents+".>", "$JS.FC."+subjects.StreamEvents+".>",
		),
		Subscribe: allow("_INBOX.api.>", subjects.AllProgress),
	},
}

// replies lets a service answer each request once.
var replies = &server.ResponsePermission{MaxMsgs: 1, Expires: server.DEFAULT_ALLOW_RESPONSE_EXPIRATION}

// consumerAPI are the JetStream requests with which a service makes its durable consumers of a stream and takes messages.
func consumerAPI(stream string) []string {
	return []string{"$JS.API.CONSUMER.CREATE." + stream + ".>", "$JS.API.CONSUMER.INFO." + stream + ".>", "$JS.API.CONSUMER.MSG.NEXT." + stream + ".>"}
}

func allow(lists ...any) *server.SubjectPermission {
	var all []string
	for _, l := range lists {
		switch l := l.(type) {
		case string:
			all = append(all, l)
		case []string:
			all = slices.Concat(all, l)
		}
	}
	return &server.SubjectPermission{Allow: all}
}
