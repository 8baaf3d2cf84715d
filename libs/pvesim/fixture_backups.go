package pvesim

func fixtureBackups6() []BackupJob {
	return []BackupJob{
		{
			ID: "line-1", Schedule: "02:00", All: new(true), Compress: "zstd", MailNotification: "failure",
			MailTo: "root@pam,ops@example.com", Mode: "snapshot", Quiet: new(true), Storage: "backup-nfs",
			Prune: Numbers{"keep-daily": 7, "keep-last": 3, "keep-monthly": 3, "keep-weekly": 4},
		},
		{
			ID: "line-2", Disabled: true, Schedule: "sat 21:30", Compress: "lzo", Mode: "stop", Prune: Numbers{"keep-last": 2},
			Quiet: new(true), Storage: "local", VMID: "100,101,102",
		},
		{
			ID: "line-3", Schedule: "01:05", All: new(true), BWLimit: new(51200), Exclude: "200,201",
			ExcludePath: []string{"/var/log/", "/tmp/?*"}, Mode: "snapshot", Node: "pve2", Quiet: new(true), Storage: "pbs",
		},
		{
			ID: "line-4", Schedule: "mon,wed,fri 03:15", Compress: "gzip", IONice: new(6), Mode: "suspend", Pigz: new(4), Pool: "prod",
			Prune: Numbers{"keep-all": 1}, Quiet: new(true), Storage: "local", Zstd: new(0),
		},
		{
			ID: "line-5", Schedule: "sun 04:00", MailTo: "admin@example.com", MaxFiles: new(5), Mode: "snapshot", Storage: "nas",
			VMID: "300",
		},
		{ID: "line-6", Schedule: "mon..fri 05:30", All: new(true), MaxFiles: new(0), Remove: new(false), Storage: "nas"},
	}
}

func fixtureBackups7() []BackupJob {
	return []BackupJob{
		{
			ID: "backup-0d5a6f1c-9e3b", Schedule: "02:00", All: new(true), Comment: "nightly: all guests 100% übernacht 日本",
			Compress: "zstd", MailNotification: "failure", MailTo: "ops@example.com", Mode: "snapshot",
			NotesTmpl: "{{guestname}} on {{node}}", Storage: "backup-nfs",
			Prune: Numbers{"keep-daily": 7, "keep-last": 3, "keep-monthly": 3, "keep-weekly": 4},
		},
		{
			ID: "c6d5f1a2-0b7e-4f6a-8d21-0e1f7b1a9c33", Disabled: true, Schedule: "sat 21:30", Compress: "lzo", Mode: "stop",
			Prune: Numbers{"keep-last": 2}, Storage: "local", VMID: "100,101, 102;103",
		},
		{
			ID: "backup-77aa11bb-22cc", Schedule: "mon..fri *:00/30", All: new(true), BWLimit: new(51200), Exclude: "200,201",
			Mode: "snapshot", Node: "pve2", NotesTmpl: `line1\nback\\slash {{vmid}}`, Performance: Numbers{"max-workers": 4},
			Protected: new(true), RepeatMissed: new(true), Storage: "pbs",
		},
		{
			ID: "backup-pool-prod", Schedule: "monthly", IONice: new(6), Pigz: new(4), Pool: "prod", Prune: Numbers{"keep-all": 1},
			Quiet: new(true), Remove: new(false), Storage: "local", Zstd: new(0),
		},
	}
}

func fixtureBackups8() []BackupJob {
	return []BackupJob{
		{
			ID: "backup-0d5a6f1c-9e3b", Schedule: "02:00", All: new(true), Comment: "nightly: all guests übernacht 日本 — 100%",
			Fleecing: &Fleecing{Enabled: true, Storage: "local-lvm"}, MailNotification: "failure", Mode: "snapshot",
			NotesTmpl: "{{guestname}}", NotificationMode: "notification-system", PBSDetection: "metadata",
			Performance: Numbers{"max-workers": 8, "pbs-entries-max": 2097152}, RepeatMissed: new(false), Storage: "pbs-main",
			Prune: Numbers{
				"keep-daily": 7, "keep-hourly": 24, "keep-last": 3, "keep-monthly": 3, "keep-weekly": 4, "keep-yearly": 1,
			},
		},
		{
			ID: "c6d5f1a2-0b7e-4f6a-8d21-0e1f7b1a9c33", Disabled: true, Schedule: "sat,sun 21:30", Compress: "zstd",
			Fleecing: &Fleecing{}, Mode: "stop", Storage: "local", VMID: "100,101, 102;103", Zstd: new(4),
		},
		{
			ID: "backup-77aa11bb-22cc", Schedule: "mon..fri *:00/30", All: new(true), BWLimit: new(51200), Exclude: "200,201",
			ExcludePath: []string{"/var/log/", "/tmp/?*"}, MailTo: "ops@example.com,root@pam", Mode: "snapshot", Node: "pve2",
			NotesTmpl: `line1\nback\\slash {{vmid}} {{cluster}}`, NotificationMode: "auto", Performance: Numbers{"max-workers": 4},
			Protected: new(true), RepeatMissed: new(true), Storage: "nas-nfs",
		},
		{
			ID: "backup-pool-prod", Schedule: "*-*-01 04:30", Compress: "gzip", Fleecing: &Fleecing{Enabled: true, Storage: "fleece"},
			IONice: new(8), LockWait: new(60), Pigz: new(4), Pool: "prod", Prune: Numbers{"keep-all": 1}, Quiet: new(true),
			Remove: new(false), StdExcludes: new(false), StopWait: new(5), Storage: "nas-nfs", Zstd: new(0),
		},
		{
			ID: "backup-old81", Schedule: "daily", All: new(true), MaxFiles: new(3), NotificationPolicy: "always",
			NotificationTarget: "mail-to-root", Storage: "local",
		},
	}
}
