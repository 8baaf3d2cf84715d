package pvesim

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const cronHeader = "# cluster wide vzdump cron schedule\n# Automatically generated file - do not edit\n\n" +
	"PATH=\"/usr/sbin:/usr/bin:/sbin:/bin\"\n\n"

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// cronJob is a backup job as a line of vzdump.cron.
type cronJob struct {
	*BackupJob
	days      []string // some or all of weekdays, in their order
	startTime string   // HH:MM
}

func (j cronJob) schedule() string {
	if len(j.days) == len(weekdays) {
		return j.startTime
	}
	return strings.Join(j.days, ",") + " " + j.startTime
}

// inCron tells whether a job lies in vzdump.cron: all do before jobs.cfg.
func inCron(d dialect, j *BackupJob) bool { return j.Cron || !d.has(jobsCfg) }

// cronJobs lists the jobs of vzdump.cron that the release's parser accepts.
func cronJobs(d dialect, w *World) []cronJob {
	var jobs []cronJob
	for i := range w.Backups {
		if j := &w.Backups[i]; inCron(d, j) && cronParses(d, j) && vzdump(j) {
			days, at := cronTimes(j.Schedule)
			jobs = append(jobs, cronJob{j, days, at})
		}
	}
	return jobs
}

// cronParses tells whether the release knows all options of a line; an unknown one makes the whole job disappear.
func cronParses(d dialect, j *BackupJob) bool {
	return (j.MaxFiles == nil || !d.has(forbiddenOptions["maxfiles"])) && (j.Size == nil || !d.has(forbiddenOptions["size"]))
}

// cronDigest is the SHA-1 of the whole vzdump.cron, the first part of the ids of its jobs. Jobs that this release cannot parse
// are part of the file all the same.
func cronDigest(d dialect, w *World) string {
	if w.CronDigest != "" {
		return w.CronDigest
	}
	return cronSum(d, w)
}

func cronSum(d dialect, w *World) string {
	var file strings.Builder
	file.WriteString(cronHeader)
	for i := range w.Backups {
		if j := &w.Backups[i]; inCron(d, j) {
			file.WriteString(cronLine(d, j))
		}
	}
	return sha1Hex(file.String())
}

func cronLine(d dialect, j *BackupJob) string {
	days, at := cronTimes(j.Schedule)
	dow := "*"
	if len(days) < len(weekdays) {
		dow = strings.Join(days, ",")
	}
	off := ""
	if j.Disabled {
		off = "#"
	}
	hour, minute, _ := strings.Cut(at, ":")
	return fmt.Sprintf("%s %s * * %-11s root %svzdump%s\n",
		strings.TrimPrefix(minute, "0"), strings.TrimPrefix(hour, "0"), dow, off, cronOptions(d, j))
}

// cronOptions is the command line of a job: its guests, then its options by name.
func cronOptions(d dialect, j *BackupJob) string {
	var opts []string
	for _, f := range backupFields {
		if cronUnknown[f.name] || f.name == "vmid" {
			continue
		}
		v, ok := wire(d, true, f.get(j))
		if !ok {
			continue
		}
		opts = append(opts, " --"+f.name+" "+cronValue(v))
	}
	slices.Sort(opts)
	vmids := ""
	if j.VMID != "" {
		vmids = " " + strings.Join(strings.FieldsFunc(j.VMID, listSeparator), " ")
	}
	return vmids + strings.Join(opts, "")
}

func cronValue(v any) string {
	switch v := v.(type) {
	case object:
		var parts []string
		for k, n := range v {
			parts = append(parts, fmt.Sprintf("%s=%v", k, n))
		}
		slices.Sort(parts)
		return strings.Join(parts, ",")
	case []string:
		return strings.Join(v, " ")
	default:
		return fmt.Sprint(v)
	}
}

func listSeparator(r rune) bool { return strings.ContainsRune(",; \t\n\x00", r) }

var (
	cronSchedule = regexp.MustCompile(`^(?:([a-z,.]+) )?(\d{1,2}):(\d{2})$`)

	// perlEvent is what PVE::CalendarEvent of 6.4 parses: short weekdays and a time with repetitions.
	perlEvent = regexp.MustCompile(`^(?i:(?:mon|tue|wed|thu|fri|sat|sun)(?:(?:,|\.\.)(?:mon|tue|wed|thu|fri|sat|sun))*)?` +
		`(?:(?:^| )[\d*/,.]+(?::[\d*/,.]+)?)?$`)

	// plainTimes are the weekdays and times nearest to schedules that are beyond a line of vzdump.cron.
	plainTimes = map[string]string{
		"weekly": "mon 00:00", "monthly": "sun 00:00", "quarterly": "sun 00:00", "semiannually": "sun 00:00", "yearly": "sun 00:00",
	}
)

// cronTimes splits a schedule into weekdays and time of day.
func cronTimes(schedule string) (days []string, at string) {
	if plain, ok := plainTimes[schedule]; ok {
		schedule = plain
	}
	m := cronSchedule.FindStringSubmatch(schedule)
	if m == nil {
		return weekdays, "00:00"
	}
	days = weekdays
	if m[1] != "" {
		days = cronDays(m[1])
	}
	hour, _ := strconv.Atoi(m[2]) // two digits, says the expression
	return days, fmt.Sprintf("%02d:%s", hour%24, m[3])
}

// cronDays resolves a list with ranges, "mon..wed,sat", to days in their order; without a day it is all of them.
func cronDays(list string) []string {
	in := map[string]bool{}
	for item := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(item, "..")
		from := slices.Index(weekdays, first)
		to := from
		if isRange {
			to = slices.Index(weekdays, last)
		}
		if from < 0 || to < 0 {
			continue
		}
		for i := from; ; i = (i + 1) % len(weekdays) {
			in[weekdays[i]] = true
			if i == to {
				break
			}
		}
	}
	if len(in) == 0 {
		return weekdays
	}
	return slices.DeleteFunc(slices.Clone(weekdays), func(day string) bool { return !in[day] })
}
