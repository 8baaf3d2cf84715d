package pvesim

import (
	"fmt"
	"net/url"
	"strings"
)

// route is a call that clusters answer. Everything else is "not implemented".
type route struct {
	path      string // below /api2/json, with {names} for what varies
	span      span
	query     string // names of the parameters it takes, separated by blanks
	privilege string // needed on the path that follows, before the handler runs
	on        string
	node      bool // the call is passed on to {node}
	handle    func(*exchange) answer
}

var routes = []route{
	{path: "/version", handle: version},
	{path: "/nodes", handle: nodes},
	{path: "/nodes/{node}/time", privilege: "Sys.Audit", on: "/nodes/{node}", node: true, handle: nodeTime},
	{path: "/nodes/{node}/replication", query: "guest", node: true, handle: nodeReplications},
	{path: "/nodes/{node}/replication/{id}/status", node: true, handle: nodeReplicationStatus},
	{path: "/storage", query: "type", handle: storage},
	{path: "/access/permissions", query: "path userid", handle: permissions},
	{path: "/cluster/status", privilege: "Sys.Audit", on: "/", handle: clusterStatus},
	{path: "/cluster/resources", query: "type", handle: resources},
	{path: "/cluster/backup", privilege: "Sys.Audit", on: "/", handle: listBackups},
	{path: "/cluster/backup/{id}", privilege: "Sys.Audit", on: "/", handle: getBackup},
	{path: "/cluster/replication", handle: listReplications},
	{path: "/cluster/replication/{id}", handle: getReplication},
	{path: "/cluster/backupinfo/not_backed_up", span: span{until: 700}, privilege: "Sys.Audit", on: "/", handle: notBackedUp},
	{path: "/cluster/backup-info/not-backed-up", span: span{since: 700}, privilege: "Sys.Audit", on: "/", handle: notBackedUp},
	{
		path: "/cluster/jobs/schedule-analyze", span: span{since: 701}, query: "schedule starttime iterations",
		handle: scheduleAnalyze,
	},
}

// LockingCall is the template of the call that a poller must never make: it takes a lock of the whole cluster and may write.
const LockingCall = "/nodes/{node}/replication"

func locking(template string) bool { return strings.HasPrefix(template, LockingCall) }

const apiPrefix = "/api2/json"

// find returns the route of a path below /api2/json in its escaped form, and the path's parameters; nil when there is none in
// any release.
func find(path string) (*route, map[string]string) {
	for i := range routes {
		if params, ok := match(routes[i].path, path); ok {
			return &routes[i], params
		}
	}
	return nil, nil
}

func match(template, path string) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var params map[string]string
	for i, w := range want {
		value, err := url.PathUnescape(got[i])
		switch {
		case err != nil:
			return nil, false
		case strings.HasPrefix(w, "{"):
			if value == "" {
				return nil, false
			}
			if params == nil {
				params = map[string]string{}
			}
			params[strings.Trim(w, "{}")] = value
		case w != value:
			return nil, false
		}
	}
	return params, true
}

// run answers a call as Proxmox VE does: parameters, then permissions, then the way to the node, then the call itself.
func (r *route) run(x *exchange) answer {
	unknown := map[string]string{}
	for name := range x.query {
		if !strings.Contains(" "+r.query+" ", " "+name+" ") {
			unknown[name] = "property is not defined in schema and the schema does not allow additional properties"
		}
	}
	if len(unknown) > 0 {
		return invalid(x.dialect, unknown)
	}
	if r.privilege != "" {
		on := strings.ReplaceAll(r.on, "{node}", x.param("node"))
		if !x.may(r.privilege, on) {
			return x.denied(r.privilege, on)
		}
	}
	if r.node {
		if a, ok := x.proxied(x.param("node")); !ok {
			return a
		}
	}
	return r.handle(x)
}

// call names a request for counters: method and template, or the path itself where there is no such call.
func call(method, path string) string { return fmt.Sprintf("%s %s", method, path) }
