package pvesim

import (
	"fmt"
	"net/http"
	"time"
)

func version(x *exchange) answer {
	o := object{"version": x.dialect.full, "release": x.dialect.version, "repoid": x.dialect.repoID}
	dc := x.world.Datacenter
	if dc.Console != "" {
		o["console"] = dc.Console
	}
	if x.dialect.has(datacenterVersion) {
		if dc.Keyboard != "" {
			o["keyboard"] = dc.Keyboard
		}
		if dc.Migration != "" {
			o["migration"] = object{"type": dc.Migration}
		}
	}
	return x.data(o)
}

// clusterStatus has a row for the cluster, which a standalone host lacks, and one for each node.
func clusterStatus(x *exchange) answer {
	w := x.world
	rows := []object{}
	if !w.Standalone {
		rows = append(rows, object{
			"type": "cluster", "id": "cluster", "name": w.Name, "nodes": len(w.Nodes), "quorate": number(!w.NoQuorum),
			"version": w.Revision,
		})
	}
	for i, n := range w.Nodes {
		row := object{
			"type": "node", "id": "node/" + n.Name, "name": n.Name, "nodeid": i + 1, "local": number(i == 0),
			"online": number(w.online(i)), "level": "",
		}
		if w.Standalone {
			row["nodeid"] = 0
		}
		if n.IP != "" {
			row["ip"] = n.IP
		}
		rows = append(rows, row)
	}
	return x.data(rows)
}

// online tells whether the answering node sees that node: without quorum it sees itself only.
func (w *World) online(i int) bool {
	return i == 0 || !w.Nodes[i].Offline && !w.NoQuorum
}

// nodes and the node rows of resources differ in a few keys; numbers need Sys.Audit.
func nodes(x *exchange) answer {
	rows := []object{}
	for i := range x.world.Nodes {
		row := nodeRow(x, i)
		row["ssl_fingerprint"] = x.fingerprint(i)
		rows = append(rows, row)
	}
	return x.data(rows)
}

func nodeRow(x *exchange, i int) object {
	n := &x.world.Nodes[i]
	row := object{"id": "node/" + n.Name, "node": n.Name, "type": "node", "level": "", "status": "online"}
	if !x.world.online(i) {
		row["status"] = "offline"
	}
	if !x.may("Sys.Audit", "/nodes/"+n.Name) {
		return row
	}
	row["maxcpu"], row["maxmem"], row["maxdisk"] = n.CPUs, n.Memory, n.Disk
	if x.world.online(i) {
		row["uptime"], row["cpu"], row["mem"], row["disk"] = 864000, 0.0312, n.Memory/16*5, n.Disk/10
	}
	return row
}

func (x *exchange) fingerprint(i int) string {
	if f := x.world.Nodes[i].Fingerprint; f != "" {
		return f
	}
	return x.cluster.fingerprintOf(i)
}

// nodeTime is the only way to learn the time zone of a node.
func nodeTime(x *exchange) answer {
	now := x.now()
	_, offset := now.Zone()
	zone := x.world.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return x.data(object{"timezone": zone, "time": now.Unix(), "localtime": now.Unix() + int64(offset)})
}

// proxied answers instead of a node that the answering one cannot reach; ok tells that it can.
func (x *exchange) proxied(node string) (a answer, ok bool) {
	for i, n := range x.world.Nodes {
		switch {
		case n.Name != node:
		case x.world.online(i):
			return answer{}, true
		default:
			return bare(statusConnect, "No route to host", 0), false
		}
	}
	return bare(statusProxy, "tls_process_server_certificate: certificate verify failed", 0), false
}

// Proxmox VE's own status codes for calls that it passes on to another node.
const (
	statusConnect = 595
	statusProxy   = 596
)

// scheduleAnalyze lists the next runs of a schedule.
func scheduleAnalyze(x *exchange) answer {
	expr := x.query.Get("schedule")
	if expr == "" {
		return x.invalid("schedule", "property is missing and it is not optional")
	}
	at, err := x.unix("starttime", x.now())
	if err != nil {
		return x.invalid("starttime", err.Error())
	}
	n, err := x.integer("iterations", 10, 1, 100)
	if err != nil {
		return x.invalid("iterations", err.Error())
	}
	if !validEvent(expr) {
		return x.invalid("schedule", fmt.Sprintf("invalid format - unable to parse calendar event '%s'", expr))
	}
	rows := []object{}
	for range n {
		next, ok := nextEvent(expr, at)
		if !ok {
			break
		}
		rows = append(rows, object{"timestamp": next.Unix(), "utc": next.UTC().Format(time.ANSIC)})
		at = next
	}
	return x.data(rows)
}

func front(*exchange) answer {
	return answer{status: http.StatusOK, contentType: htmlType, body: []byte(frontPage)}
}

const frontPage = `<!DOCTYPE html>
<html>
  <head><meta http-equiv="Content-Type" content="text/html; charset=utf-8" /><title>Proxmox Virtual Environment</title></head>
  <body><div id="app"></div></body>
</html>
`
