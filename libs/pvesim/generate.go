package pvesim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Generate makes a plausible cluster: the same one for the same arguments, and jobs of it are backup jobs and as many are
// replication jobs. A single node is a standalone host, which has no replications. There are more guests than asked for when the
// replications need them, as no two of a guest have the same target.
func Generate(name string, seed int64, nodes, guests, jobs int) World {
	g := generator{rand: newRand(seed)}
	nodes = max(1, nodes)
	w := World{
		Name: name, Standalone: nodes == 1, Revision: nodes + 4, TimeZone: pick(g.rand, "UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"),
		Datacenter: Datacenter{Console: "html5", Keyboard: "en-us"}, Pools: []string{"prod", "staging", "customers"},
	}
	if w.Standalone {
		w.Name = ""
	} else {
		guests = max(guests, (jobs+nodes-2)/(nodes-1))
	}
	for i := range nodes {
		w.Nodes = append(w.Nodes, Node{
			Name: fmt.Sprintf("%s-%02d", name, i+1), IP: fmt.Sprintf("192.0.2.%d", 1+i%254), CPUs: 16 << g.rand.IntN(3),
			Memory: 64 << (30 + g.rand.IntN(3)), Disk: 100 << 30,
		})
	}
	w.Storages = g.storages()
	for i := range guests {
		w.Guests = append(w.Guests, g.guest(100+i, &w))
	}
	used := map[string]bool{}
	for range jobs {
		j := g.backup(&w)
		for used[j.ID] {
			j.ID = g.backupID()
		}
		used[j.ID] = true
		w.Backups = append(w.Backups, j)
	}
	if !w.Standalone {
		w.Replications = g.replications(&w, jobs)
	}
	return w
}

// generator makes up parts of a world.
type generator struct{ rand *rand.Rand }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// often is true n times out of 100.
func (g generator) often(n int) bool { return g.rand.IntN(100) < n }

func (g generator) storages() []Storage {
	local := func(name string) map[string]string { return map[string]string{"path": "/mnt/" + name} }
	return []Storage{
		{ID: "local", Type: "dir", Content: []string{"iso", "vztmpl", "backup"}, Prune: "keep-all=1", Options: map[string]string{"path": "/var/lib/vz"}},
		{ID: "local-zfs", Type: "zfspool", Content: []string{"images", "rootdir"}, Options: map[string]string{"pool": "rpool/data"}},
		{ID: "backup-nfs", Type: "nfs", Content: []string{"backup"}, Shared: new(true), Prune: "keep-daily=7,keep-last=3", Options: map[string]string{"server": "192.0.2.250", "export": "/export/pve", "path": "/mnt/pve/backup-nfs"}},
		{ID: "pbs-main", Type: "pbs", Content: []string{"backup"}, Shared: new(true), Options: map[string]string{"server": "192.0.2.251", "datastore": "main", "username": "backup@pbs"}},
		{ID: "old-nas", Type: "dir", Content: []string{"backup"}, Disabled: true, Options: local("old-nas")},
	}
}

func (g generator) guest(vmid int, w *World) Guest {
	role := pick(g.rand, "web", "db", "mail", "dns", "build", "app", "büro", "cache", "git", "wiki")
	guest := Guest{
		VMID: vmid, Type: pick(g.rand, "qemu", "qemu", "lxc"), Name: fmt.Sprintf("%s-%d", role, vmid), Node: pick(g.rand, w.Nodes...).Name,
		Stopped: g.often(15), CPUs: float64(int(1) << g.rand.IntN(4)), Memory: 1 << (30 + g.rand.IntN(5)), Disk: 8 << (30 + g.rand.IntN(5)),
	}
	if g.often(50) {
		guest.Pool = pick(g.rand, w.Pools...)
	}
	if g.often(40) {
		guest.Tags = pick(g.rand, "prod", "prod;web", "test", "backup;critical")
	}
	if guest.Type == "qemu" && g.often(4) {
		guest.Template = true
	}
	return guest
}

func (g generator) backupID() string {
	switch n := g.rand.IntN(10); {
	case n < 7: // the GUI's
		return fmt.Sprintf("backup-%08x-%04x", g.rand.Uint32(), g.rand.IntN(1<<16))
	case n < 9: // the API's
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", g.rand.Uint32(), g.rand.IntN(1<<16), g.rand.IntN(1<<12), g.rand.IntN(1<<12), g.rand.Int64N(1<<48))
	default: // a person's
		return fmt.Sprintf("%s-%d", pick(g.rand, "nightly", "weekly_full", "offsite", "db-dumps"), g.rand.IntN(1<<20))
	}
}

// backup makes up one backup job for the guests of w.
func (g generator) backup(w *World) BackupJob {
	j := BackupJob{
		ID: g.backupID(), Disabled: g.often(12), Schedule: g.schedule(), Storage: pick(g.rand, "backup-nfs", "pbs-main", "local"),
		Mode: pick(g.rand, "snapshot", "snapshot", "suspend", "stop"), Compress: pick(g.rand, "zstd", "zstd", "gzip", "lzo", ""),
	}
	g.selectGuests(w, &j)
	g.retention(&j)
	if g.often(50) {
		j.Comment = pick(g.rand, "nightly", "nächtlich: alle Gäste 100%", "夜間バックアップ", "every customer — gold plan", "до выходных", "a%41b", "\"quoted\" <b>bold</b> & more")
	}
	if g.often(40) {
		j.NotesTmpl = pick(g.rand, "{{guestname}}", `{{guestname}} on {{node}}\n{{cluster}}`, "{{vmid}} übernacht")
	}
	if g.often(30) {
		j.MailNotification, j.MailTo = pick(g.rand, "always", "failure"), "ops@example.com,root@pam"
	}
	if g.often(30) {
		j.NotificationMode = pick(g.rand, "auto", "notification-system", "legacy-sendmail")
	}
	if g.often(25) {
		j.Fleecing = &Fleecing{Enabled: g.often(70), Storage: pick(g.rand, "local-zfs", "")}
		if j.Fleecing.Enabled && j.Fleecing.Storage == "" {
			j.Fleecing.Storage = "local-zfs"
		}
	}
	if j.Storage == "pbs-main" && g.often(50) {
		j.PBSDetection = pick(g.rand, "legacy", "data", "metadata")
	}
	g.limits(&j)
	return j
}

func (g generator) selectGuests(w *World, j *BackupJob) {
	vmids := func(sep string) string {
		var ids []string
		for range 1 + g.rand.IntN(6) {
			ids = append(ids, strconv.Itoa(100+g.rand.IntN(max(1, len(w.Guests)))))
		}
		return strings.Join(ids, sep)
	}
	switch n := g.rand.IntN(20); {
	case n < 9:
		j.VMID = vmids(pick(g.rand, ",", ",", ", ", ";", " "))
	case n < 14:
		j.All = new(true)
	case n < 17:
		j.All, j.Exclude = new(true), vmids(",")
	default:
		j.Pool = pick(g.rand, w.Pools...)
	}
	if g.often(15) {
		j.Node = pick(g.rand, w.Nodes...).Name
	}
}

func (g generator) retention(j *BackupJob) {
	switch n := g.rand.IntN(10); {
	case n < 6:
		j.Prune = Numbers{"keep-last": 1 + g.rand.IntN(7)}
		for _, k := range []string{"keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"} {
			if g.often(35) {
				j.Prune[k] = 1 + g.rand.IntN(12)
			}
		}
	case n < 7:
		j.Prune = Numbers{"keep-all": 1}
	case n < 8:
		j.MaxFiles = new(g.rand.IntN(5))
	}
}

func (g generator) limits(j *BackupJob) {
	for _, o := range []struct {
		at    **int
		often int
		of    []int
	}{
		{&j.BWLimit, 20, []int{0, 10240, 51200}},
		{&j.IONice, 15, []int{5, 7, 8}},
		{&j.Zstd, 15, []int{0, 1, 4}},
		{&j.Pigz, 8, []int{1, 4}},
		{&j.LockWait, 5, []int{60, 180}},
		{&j.StopWait, 5, []int{5, 10}},
	} {
		if g.often(o.often) {
			*o.at = new(pick(g.rand, o.of...))
		}
	}
	for _, o := range []struct {
		at    **bool
		often int
	}{{&j.RepeatMissed, 25}, {&j.Protected, 10}, {&j.Quiet, 30}, {&j.Remove, 10}, {&j.StdExcludes, 5}} {
		if g.often(o.often) {
			*o.at = new(g.often(50))
		}
	}
	if g.often(20) {
		j.Performance = Numbers{"max-workers": 1 << g.rand.IntN(6)}
	}
	if g.often(10) {
		j.ExcludePath = []string{"/var/log/", "/tmp/?*"}
	}
}

// schedule is most often one that every release can say.
func (g generator) schedule() string {
	at := fmt.Sprintf("%02d:%02d", g.rand.IntN(24), 5*g.rand.IntN(12))
	switch n := g.rand.IntN(10); {
	case n < 4:
		return at
	case n < 8:
		return pick(g.rand, "sat", "sun", "mon,wed,fri", "mon..fri", "sat,sun") + " " + at
	default:
		return pick(g.rand, "daily", "weekly", "monthly", "hourly", "*-*-01 04:30", "mon..fri *:00/30", "22:00/2")
	}
}

func (g generator) replications(w *World, n int) []Replication {
	jobs := make([]Replication, 0, n)
	for round := 0; len(jobs) < n; round++ {
		for i := range w.Guests {
			guest := &w.Guests[i]
			if len(jobs) == n {
				break
			}
			targets := otherNodes(w, guest.Node)
			jobs = append(jobs, g.replication(guest, round, targets[(round+guest.VMID)%len(targets)]))
		}
	}
	return jobs
}

func otherNodes(w *World, node string) []string {
	var names []string
	for _, n := range w.Nodes {
		if n.Name != node {
			names = append(names, n.Name)
		}
	}
	return names
}

func (g generator) replication(guest *Guest, num int, target string) Replication {
	r := Replication{
		Guest: guest.VMID, JobNum: num, Source: guest.Node, Target: target, Disabled: g.often(10),
		Schedule: pick(g.rand, "", "*/15", "*/30", "mon..fri 22:00", "2,14:00", "0/6:30"),
	}
	if g.often(25) {
		r.Rate = new(pick(g.rand, 1, 10, 12.5, 100))
	}
	if g.often(40) {
		r.Comment = pick(g.rand, "standby", "für den Notfall: 50%", "本番 → 予備", "gold plan")
	}
	if g.often(3) {
		r.Source = ""
	}
	tried := time.Unix(1795280000, 0).Add(-time.Duration(g.rand.IntN(3600)) * time.Second)
	r.State = ReplicationState{LastSync: tried, LastTry: tried, Duration: time.Duration(1+g.rand.IntN(60_000)) * time.Millisecond}
	return r
}
