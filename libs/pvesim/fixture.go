package pvesim

import "time"

// FixtureNow is a time at which a cluster with FixtureWorld gives the answers that were recorded.
var FixtureNow = time.Date(2026, time.November, 21, 16, 55, 0, 0, time.UTC)

const (
	fixtureStorageDigest     = "c7e1a4a5a4c0a9c4a7b5f2c4b3b09d1e8a6f0e55"
	fixtureReplicationDigest = "2ec9609fdd82c4efc6145cb161bc3b2bc3ca34f6"
	fixtureFingerprint       = "AA:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
)

// FixtureWorld is the cluster whose answers were recorded from a version. 8.4 and 9.2 saw the same one; before, fewer options
// existed, and so the jobs were others.
func FixtureWorld(version string) World {
	w := World{
		Name: "prod-cluster", Revision: 7,
		Nodes: fixtureNodes(), Guests: fixtureGuests(), Pools: []string{"prod"},
		Storages: fixtureStorages(), Replications: fixtureReplications(),
		ReplicationDigest: fixtureReplicationDigest,
	}
	switch version {
	case "6.4":
		w.Datacenter = Datacenter{Console: "html5", Keyboard: "de", Migration: "secure"}
		w.Nodes[2].IP = ""
		w.Storages[0].MaxFiles, w.Storages[0].Prune, w.Storages[0].Shared = new(3), "", new(false)
		w.Storages[2].Prune = ""
		w.Storages[3].ID = "pbs"
		w.Backups, w.CronDigest = fixtureBackups6(), "b5a9bd380e796234b64da00dbb59c5ea187bd8fc"
	case "7.4":
		w.Backups = fixtureBackups7()
	default:
		w.Datacenter.Console = "html5"
		w.Backups = fixtureBackups8()
	}
	return w
}

// FixtureCron are the jobs that an upgrade left in vzdump.cron in some of the recorded answers, and that file's digest.
func FixtureCron() (jobs []BackupJob, digest string) {
	return []BackupJob{
		{
			ID: "leftover-1", Cron: true, Schedule: "02:00", All: new(true), Compress: "zstd", ExcludePath: []string{"/var/log/", "/tmp/?*"},
			MailNotification: "failure", MailTo: "root@pam,ops@example.com", Mode: "snapshot",
			Prune: Numbers{"keep-daily": 7, "keep-last": 3}, Quiet: new(true), Storage: "backup-nfs",
		},
		{
			ID: "leftover-2", Cron: true, Disabled: true, Schedule: "sat 21:30", BWLimit: new(100), Compress: "lzo", MaxFiles: new(2),
			Mode: "stop", Quiet: new(true), Storage: "local", VMID: "100,101,102",
		},
	}, "681c9763a8ad1b4ce0f28feb59abdf41d85f406d"
}

func fixtureNodes() []Node {
	node := func(name, ip string) Node {
		return Node{Name: name, IP: ip, Fingerprint: fixtureFingerprint, CPUs: 16, Memory: 64 << 30, Disk: 100 << 30}
	}
	nodes := []Node{node("pve1", "192.0.2.11"), node("pve2", "192.0.2.12"), node("pve3", "192.0.2.13")}
	nodes[2].Offline = true
	return nodes
}

func fixtureGuests() []Guest {
	guest := func(vmid int, kind, name, node string) Guest {
		return Guest{VMID: vmid, Type: kind, Name: name, Node: node, CPUs: 2, Memory: 2 << 30, Disk: 32 << 30}
	}
	web, db := guest(100, "qemu", "web-server-01", "pve1"), guest(102, "qemu", "db-01", "pve2")
	web.Pool, web.Tags = "prod", "prod;web"
	db.Pool, db.Tags = "prod", "prod;web"
	app := guest(205, "qemu", "app-ü", "pve2")
	app.HAState = "started"
	template := Guest{VMID: 900, Type: "qemu", Name: "tmpl-debian", Node: "pve1", Template: true, CPUs: 1, Memory: 1 << 30, Disk: 8 << 30}
	return []Guest{
		web, guest(101, "lxc", "dns", "pve1"), db, app, guest(300, "lxc", "ct300", "pve1"), template,
		guest(400, "qemu", "lonely", "pve3"),
	}
}

func fixtureStorages() []Storage {
	storages := []Storage{
		{
			ID: "local", Type: "dir", Content: []string{"iso", "vztmpl", "backup"}, Prune: "keep-all=1",
			Options: map[string]string{"path": "/var/lib/vz"},
		},
		{
			ID: "local-lvm", Type: "lvmthin", Content: []string{"images", "rootdir"},
			Options: map[string]string{"vgname": "pve", "thinpool": "data"},
		},
		{
			ID: "backup-nfs", Type: "nfs", Content: []string{"backup"}, Shared: new(true), Prune: "keep-daily=7,keep-last=3",
			Options: map[string]string{
				"server": "192.0.2.50", "export": "/export/pve", "path": "/mnt/pve/backup-nfs", "options": "vers=4.2",
			},
		},
		{
			ID: "pbs-main", Type: "pbs", Content: []string{"backup"}, Shared: new(true),
			Options: map[string]string{
				"server": "192.0.2.60", "datastore": "main", "username": "backup@pbs",
				"fingerprint": "aa:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f",
			},
		},
		{
			ID: "old-nas", Type: "nfs", Content: []string{"backup"}, Shared: new(true), Disabled: true, Nodes: []string{"pve2", "pve1"},
			Options: map[string]string{"server": "192.0.2.51", "export": "/old", "path": "/mnt/pve/old-nas"},
		},
	}
	for i := range storages {
		storages[i].Digest = fixtureStorageDigest
	}
	return storages
}

func fixtureReplications() []Replication {
	synced := time.Unix(1795280000, 0)
	return []Replication{
		{
			Guest: 100, JobNum: 0, Source: "pve1", Target: "pve2", Schedule: "*/15", Rate: new(10.0),
			State: ReplicationState{LastSync: synced, LastTry: synced, Duration: 3218904 * time.Microsecond},
		},
		{
			Guest: 100, JobNum: 1, Source: "pve1", Target: "pve3", Schedule: "mon..fri 22:00", Rate: new(12.5), Disabled: true,
			Comment: "HA: repl 50% ü",
			State: ReplicationState{
				LastSync: time.Unix(1795100000, 0), LastTry: time.Unix(1795200000, 0), Duration: 500 * time.Millisecond,
				FailCount: 4, Error: "command failed: exit code 255",
			},
		},
		{Guest: 101, JobNum: 0, Target: "pve3"},
		{Guest: 205, JobNum: 0, Source: "pve2", Target: "pve1", Remove: "full"},
		{Guest: 300, JobNum: 7, Source: "pve1", Target: "pve2", Schedule: "daily"},
		{Guest: 999, JobNum: 0, Source: "pve1", Target: "pve2"},
	}
}
