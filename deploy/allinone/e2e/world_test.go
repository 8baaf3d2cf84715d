package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// version is a Proxmox VE version as a number, so that versions compare.
func version(t *testing.T, e *endpoint) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(e.cluster.Version(), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wire asks the cluster itself for a list of jobs.
func (e *endpoint) wire(t *testing.T, call string) map[string]object {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(e.server.CAPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.server.URL+"/api2/json"+call, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", e.cluster.Token().Header())
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]object{}
	for _, row := range decode(t, body)["data"].([]any) {
		o := object(row.(map[string]any))
		out[o.text("id")] = o
	}
	return out
}

// wanted is what REST must say about the jobs of a cluster, by their ids, made from the simulated world without a look at what the product
// made of it. Only what a version made of a job where it cannot say it all is taken from the cluster's own answers.
func (e *endpoint) wanted(t *testing.T) (routines, replications map[string]object) {
	t.Helper()
	v, w := version(t, e), e.cluster.World()
	routines, replications = map[string]object{}, map[string]object{}
	said, ids := e.wire(t, "/cluster/backup"), e.cluster.BackupIDs()
	for i, j := range e.listed(t) {
		id := ids[i]
		routines[id] = wantRoutine(v, j, id, said[id])
	}
	said = e.wire(t, "/cluster/replication")
	for i := range w.Replications {
		r := &w.Replications[i]
		replications[r.ID()] = wantReplication(v, &w, r, said[r.ID()])
	}
	return routines, replications
}

// listed are the backup jobs in the order of the cluster's list: those of vzdump.cron come first.
func (e *endpoint) listed(t *testing.T) []pvesim.BackupJob {
	t.Helper()
	v := version(t, e)
	var cron, others []pvesim.BackupJob
	for _, j := range e.cluster.World().Backups {
		switch {
		case j.Type != "" && j.Type != "vzdump":
		case inCron(v, j):
			if j.MaxFiles == nil || v < 9 { // 9 cannot read such a line
				cron = append(cron, j)
			}
		default:
			others = append(others, j)
		}
	}
	return append(cron, others...)
}

func inCron(v float64, j pvesim.BackupJob) bool { return j.Cron || v < 7.1 }

// wantRoutine has references as names and choices as values.
func wantRoutine(v float64, j pvesim.BackupJob, id string, said object) object {
	o := object{
		"job_id": id, "enabled": !j.Disabled, "schedule": j.Schedule, "node": j.Node, "storage": j.Storage, "comment": "", "status": "active",
		"notes_template": "", "bwlimit": number(j.BWLimit), "zstd": number(j.Zstd), "io_workers": nil, "fleecing": "", "fleecing_storage": "",
		"repeat_missed": false, "pbs_change_detection_mode": "", "mode": j.Mode, "compress": j.Compress,
		"selection_mode": "none", "selection": []any{}, "exclude": []any{}, "pool": "", "keep_all": nil,
		"tags": []any{}, "custom_fields": map[string]any{}, "stale_since": nil,
	}
	for _, name := range []string{"last", "hourly", "daily", "weekly", "monthly", "yearly"} {
		o["keep_"+name] = nil
		if n, ok := j.Prune["keep-"+name]; ok {
			o["keep_"+name] = number(&n)
		}
	}
	switch {
	case j.Prune["keep-all"] == 1:
		o["keep_all"] = true
	case j.Prune == nil && j.MaxFiles != nil && v < 9:
		if o["keep_all"], o["keep_last"] = any(nil), number(j.MaxFiles); *j.MaxFiles == 0 {
			o["keep_all"], o["keep_last"] = true, nil
		}
	}
	switch {
	case j.Pool != "":
		o["selection_mode"], o["pool"] = "pool", j.Pool
	case j.VMID != "":
		o["selection_mode"], o["selection"] = "vmid", vmids(j.VMID)
	case j.All != nil && *j.All:
		o["selection_mode"], o["exclude"] = "all", vmids(j.Exclude)
	}
	if inCron(v, j) {
		o["schedule"] = said.text("schedule")
		if v < 7.1 {
			o["schedule"] = said.text("starttime")
			if days := said.text("dow"); strings.Count(days, ",") < 6 {
				o["schedule"] = days + " " + said.text("starttime")
			}
		}
	} else {
		options(o, v, j)
	}
	o["raw_config"] = raw(said, "next-run")
	return o
}

// options are those that came with jobs.cfg, or later.
func options(o object, v float64, j pvesim.BackupJob) {
	o["comment"], o["notes_template"] = comment(v, j.Comment), j.NotesTmpl
	if j.RepeatMissed != nil {
		o["repeat_missed"] = *j.RepeatMissed
	}
	if n, ok := j.Performance["max-workers"]; ok {
		o["io_workers"] = number(&n)
	}
	if v >= 8.2 {
		o["pbs_change_detection_mode"] = j.PBSDetection
		if j.Fleecing != nil && j.Fleecing.Enabled {
			o["fleecing"], o["fleecing_storage"] = "enabled=1,storage="+j.Fleecing.Storage, j.Fleecing.Storage
		}
	}
}

func wantReplication(v float64, w *pvesim.World, r *pvesim.Replication, said object) object {
	o := object{
		"replication_id": r.ID(), "virtual_machine": fmt.Sprintf("VM %d", r.Guest), "guest": number(&r.Guest), "jobnum": number(&r.JobNum),
		"source": r.Source, "target": r.Target, "target_node": r.Target, "job_type": "local", "schedule": "*/15", "rate": nil,
		"comment": comment(v, r.Comment), "disable": r.Disabled, "remove_job": nil, "status": "active", "stale_since": nil,
		"tags": []any{}, "custom_fields": map[string]any{}, "raw_config": raw(said, "digest"),
	}
	if g := w.Guest(r.Guest); g != nil {
		o["virtual_machine"] = g.Name
		if r.Source == "" {
			o["source"] = g.Node
		}
	}
	o["proxmox_node"] = o["source"]
	if r.Remove != "" {
		o["remove_job"] = r.Remove
	}
	if s := said.text("schedule"); s != "" { // 6.4 leaves out what it cannot parse
		o["schedule"] = r.Schedule
	}
	if r.Rate != nil {
		o["rate"] = json.Number(strconv.FormatFloat(*r.Rate, 'g', -1, 64))
	}
	return o
}

// raw is what the cluster said, without what moves by itself and with the paths of 7 in the form of 8.
func raw(said object, volatile string) any {
	o := map[string]any{}
	for k, v := range said {
		if k != volatile {
			o[k] = v
		}
	}
	if s, ok := o["exclude-path"].(string); ok {
		paths := []any{}
		for part := range strings.SplitSeq(s, "\x00") {
			paths = append(paths, part)
		}
		o["exclude-path"] = paths
	}
	return o
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// comment is what a release reads back: before 8 the per cent sign was not escaped on disk.
func comment(v float64, s string) string {
	if v >= 8 {
		return s
	}
	return escape.ReplaceAllStringFunc(s, func(code string) string {
		plain, _ := url.PathUnescape(code)
		return plain
	})
}

func number(n *int) any {
	if n == nil {
		return nil
	}
	return json.Number(strconv.Itoa(*n))
}

// vmids are the numbers of a list as people enter it, each once.
func vmids(list string) []any {
	out := []any{}
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return r < '0' || r > '9' }) {
		if n := any(json.Number(item)); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// plain is an object of REST in the form of wantRoutine and wantReplication: without ids, urls and times.
func plain(o object) object {
	out := object{}
	for name, v := range o {
		if slices.Contains([]string{"id", "url", "display", "endpoint", "created", "last_updated", "last_seen", "next_run", "version", "schedule_text"}, name) {
			continue
		}
		if m, ok := v.(map[string]any); ok && name != "raw_config" && name != "custom_fields" {
			sub := object(m)
			if v = sub["value"]; v == nil {
				v = sub["name"]
			}
		}
		if v == nil && slices.Contains([]string{"node", "storage", "fleecing_storage", "proxmox_node", "target_node"}, name) {
			v = ""
		}
		out[name] = v
	}
	return out
}

// clock is one that simulated clusters can be given and that moves when told to. It begins in the future, so that no next run is ever due.
type clock struct{ now chan time.Time }

func newClock() clock {
	c := clock{make(chan time.Time, 1)}
	c.now <- time.Now().Add(24 * time.Hour)
	return c
}

func (c clock) read() time.Time {
	now := <-c.now
	c.now <- now
	return now
}

func (c clock) advance(d time.Duration) { c.now <- (<-c.now).Add(d) }
