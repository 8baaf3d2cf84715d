package pvesim

import (
	"fmt"
	"slices"
)

func (l *life) someBackup(w *World) *BackupJob {
	if len(w.Backups) == 0 {
		return nil
	}
	return &w.Backups[l.gen.rand.IntN(len(w.Backups))]
}

func (l *life) someReplication(w *World) *Replication {
	if len(w.Replications) == 0 {
		return nil
	}
	return &w.Replications[l.gen.rand.IntN(len(w.Replications))]
}

func (l *life) editBackup(w *World) {
	j := l.someBackup(w)
	if j == nil {
		return
	}
	switch l.gen.rand.IntN(6) {
	case 0:
		j.Comment = fmt.Sprintf("changed in ticket %d — übernacht", 1000+l.gen.rand.IntN(9000))
	case 1:
		j.Schedule = l.gen.schedule()
	case 2:
		j.MaxFiles, j.Prune = nil, Numbers{"keep-last": 1 + l.gen.rand.IntN(14)}
	case 3:
		j.Storage = pick(l.gen.rand, "backup-nfs", "pbs-main", "local")
	case 4:
		j.BWLimit = new(1024 * (1 + l.gen.rand.IntN(100)))
	default:
		j.All, j.VMID, j.Exclude, j.Pool, j.Node = nil, "", "", "", ""
		l.gen.selectGuests(w, j)
	}
}

func (l *life) toggleBackup(w *World) {
	if j := l.someBackup(w); j != nil {
		j.Disabled = !j.Disabled
	}
}

// deleteBackup leaves three quarters of the jobs, so that a cluster does not die out.
func (l *life) deleteBackup(w *World) {
	if j := l.someBackup(w); j != nil && len(w.Backups)*4 > l.born*3 {
		l.backups = append(l.backups, j.Clone())
		w.DeleteBackup(j.ID)
	}
}

func (l *life) recreateBackup(w *World) {
	if len(l.backups) == 0 {
		return
	}
	j := l.backups[0]
	l.backups = l.backups[1:]
	if w.Backup(j.ID) == nil {
		w.Backups = append(w.Backups, j)
	}
}

// addBackup adds a quarter at most, so that a cluster does not grow for ever.
func (l *life) addBackup(w *World) {
	j := l.gen.backup(w)
	if w.Backup(j.ID) == nil && len(w.Backups)*4 < l.born*5 {
		w.Backups = append(w.Backups, j)
	}
}

func (l *life) editReplication(w *World) {
	r := l.someReplication(w)
	if r == nil {
		return
	}
	switch l.gen.rand.IntN(4) {
	case 0:
		r.Schedule = pick(l.gen.rand, "", "*/15", "*/30", "mon..fri 22:00", "2,14:00")
	case 1:
		r.Rate = new(pick(l.gen.rand, 1, 10, 12.5, 50, 100))
	case 2:
		r.Comment = fmt.Sprintf("changed in ticket %d: 50%%", 1000+l.gen.rand.IntN(9000))
	default:
		r.Disabled = !r.Disabled
	}
}

func (l *life) deleteReplication(w *World) {
	if r := l.someReplication(w); r != nil && len(w.Replications)*4 > l.born*3 {
		l.repls = append(l.repls, r.Clone())
		w.DeleteReplication(r.ID())
	}
}

// recreateReplication makes a deleted job again from where its guest is now.
func (l *life) recreateReplication(w *World) {
	if len(l.repls) == 0 {
		return
	}
	r := l.repls[0]
	l.repls = l.repls[1:]
	if w.Replication(r.ID()) != nil {
		return
	}
	if g := w.Guest(r.Guest); g != nil {
		if r.Source = g.Node; r.Target == g.Node {
			r.Target = pick(l.gen.rand, otherNodes(w, g.Node)...)
		}
	}
	taken := slices.ContainsFunc(w.Replications, func(o Replication) bool { return o.Guest == r.Guest && o.Target == r.Target })
	if !taken {
		w.Replications = append(w.Replications, r)
	}
}

// migrate moves a guest to where it is replicated to, as people do because that is fast.
func (l *life) migrate(w *World) {
	if r := l.someReplication(w); r != nil {
		w.Migrate(r.Guest, r.Target)
	}
}
