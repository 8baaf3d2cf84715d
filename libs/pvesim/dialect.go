package pvesim

import (
	"fmt"
	"slices"
	"strings"
)

// release is a Proxmox VE version as one number, 8.4 being 804, so that versions compare.
type release int

// span is the stretch of releases in which something holds: from since on (0 = always), before until (0 = for ever).
type span struct{ since, until release }

func (s span) covers(r release) bool {
	return r >= s.since && (s.until == 0 || r < s.until)
}

// What a release says, and how. Fields of jobs carry their own spans in backupFields and replicationFields; these are the
// differences that are not a field.
var (
	jobsCfg            = span{since: 701} // backup jobs live in jobs.cfg; what is left in vzdump.cron comes first
	cronStartTime      = span{until: 901} // leftover cron jobs still show starttime and dow
	pathArrays         = span{since: 800} // exclude-path is an array, before that one string joined with NUL
	fleecingNumbers    = span{since: 900} // fleecing.enabled is a number, before that a string
	guestNumbers       = span{since: 800} // guest and jobnum of replications are numbers, before that strings
	commentPercent     = span{since: 800} // "%" of a comment is escaped on disk, so it is read as it was written
	perlCalendar       = span{until: 701} // no keywords, dates or seconds in schedules
	errorMessages      = span{since: 804} // error bodies carry "message"
	vagueAuthErrors    = span{since: 800} // a wrong token is not told what was wrong with it
	replicationFilter  = span{since: 802} // jobs of guests one may not see are left out; before, they fail the whole list
	nodeReplFilter     = span{since: 900} // the same for /nodes/{node}/replication
	disabledReplStatus = span{since: 801} // {id}/status answers for disabled jobs, too
	datacenterVersion  = span{until: 700} // /version shows all of datacenter.cfg
	guestTags          = span{since: 700} // tags of guests
	poolAudit          = span{since: 700} // Pool.Audit exists and hides pool names; /pool is a path of its own
	mappingAudit       = span{since: 800} // Mapping.Audit
	guestAgentAudit    = span{since: 900} // VM.GuestAgent.Audit
	cgroupMode         = span{since: 700} // nodes say their cgroup-mode
	hostArch           = span{since: 900} // nodes say their host-arch
	hostMemory         = span{since: 900} // guests say memhost
	forbiddenOptions   = map[string]span{ // options that make the parser drop a whole line of vzdump.cron
		"maxfiles": {since: 900},
		"size":     {since: 700},
	}
)

// dialect is one Proxmox VE version that a cluster can speak.
type dialect struct {
	version string // "8.4"
	number  release
	full    string // "8.4.5", as /version says it
	repoID  string
}

var dialects = []dialect{
	{"6.4", 604, "6.4-15", "af7986e6"},
	{"7.4", 704, "7.4-16", "0f39f621"},
	{"8.4", 804, "8.4.5", "57892e8e686cb35b"},
	{"9.2", 902, "9.2.3", "d1f4d6c1f0b0a3e7"},
}

// Versions lists the versions that New accepts, oldest first.
func Versions() []string {
	var vs []string
	for _, d := range dialects {
		vs = append(vs, d.version)
	}
	return vs
}

func dialectOf(version string) (dialect, error) {
	i := slices.IndexFunc(dialects, func(d dialect) bool { return d.version == version })
	if i < 0 {
		return dialect{}, fmt.Errorf("simulate Proxmox VE %q: only %s are known", version, strings.Join(Versions(), ", "))
	}
	return dialects[i], nil
}

func (d dialect) has(s span) bool { return s.covers(d.number) }
