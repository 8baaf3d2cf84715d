package occurrence

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ICal is the media type of calendars.
const ICal = "text/calendar"

// Forms of times in calendars.
const (
	icalTime = "20060102T150405Z"
	icalDay  = "20060102"
)

// Calendar writes entries of a plan as an iCalendar (RFC 5545). Times are in UTC, so it needs no definitions of zones. What an
// event is called never changes for the same job and time, or the same job and day for runs that are one entry. The origin is that of this server.
func Calendar(entries []Entry, now time.Time, origin string) []byte {
	var b ical
	host := origin
	if u, err := url.Parse(origin); err == nil && u.Host != "" {
		host = u.Host
	}
	b.line("BEGIN", "VCALENDAR")
	b.line("VERSION", "2.0")
	b.line("PRODID", "-//Proxops//Calendar//EN")
	b.line("CALSCALE", "GREGORIAN")
	b.line("METHOD", "PUBLISH")
	b.line("X-WR-CALNAME", "Backups and replications")
	b.line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H")
	b.line("X-PUBLISHED-TTL", "PT1H")
	for _, e := range entries {
		b.event(e, now, host)
	}
	b.line("END", "VCALENDAR")
	return b.out
}

type ical struct{ out []byte }

func (b *ical) event(e Entry, now time.Time, host string) {
	b.line("BEGIN", "VEVENT")
	at, summary := e.At.UTC().Format(icalTime), e.Display
	if e.Repeats() {
		at, summary = e.At.Format(icalDay), e.Display+": "+e.Text
	}
	b.line("UID", fmt.Sprintf("%s-%d-%s@%s", e.Kind, e.ID, at, host))
	b.line("DTSTAMP", now.UTC().Format(icalTime))
	b.line("DTSTART", e.At.UTC().Format(icalTime))
	if e.Repeats() {
		b.line("DTEND", e.Last.UTC().Format(icalTime))
	}
	b.line("SUMMARY", icalText(summary))
	b.line("DESCRIPTION", icalText(e.description()))
	if e.Endpoint != "" {
		b.line("LOCATION", icalText(e.Endpoint))
	}
	b.line("CATEGORIES", map[string]string{Routine: "Backup", Replication: "Replication"}[e.Kind])
	b.line("URL", strings.Replace(e.URL, "/api/", "/", 1))
	b.line("TRANSP", "TRANSPARENT")
	b.line("END", "VEVENT")
}

func (e Entry) description() string {
	lines := []string{"Schedule: " + e.Schedule}
	zone := e.Zone.String()
	if e.Assumed {
		zone += " (assumed, as that of the cluster is not known)"
	}
	lines = append(lines, "Time zone: "+zone)
	if e.Repeats() {
		lines = append(lines, fmt.Sprintf("Runs on this day: %d", e.Runs))
	}
	if e.Target != "" {
		lines = append(lines, "To: "+e.Target)
	}
	if e.Disabled {
		lines = append(lines, "The job is disabled.")
	}
	if e.Stale {
		lines = append(lines, "The job is stale.")
	}
	return strings.Join(lines, "\n")
}

// foldAt is how many octets a line may have.
const foldAt = 75

// line writes a property, folded where it is too long.
func (b *ical) line(name, value string) {
	text := name + ":" + value
	room := foldAt
	for len(text) > room {
		cut := room
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		b.out = append(append(b.out, text[:cut]...), "\r\n "...)
		text, room = text[cut:], foldAt-1
	}
	b.out = append(append(b.out, text...), "\r\n"...)
}

var icalEscaper = strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, "\r\n", `\n`, "\n", `\n`)

// icalText writes a text as a value. Control characters have no place in one.
func icalText(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\t' {
			return -1
		}
		return c
	}, icalEscaper.Replace(strings.ToValidUTF8(s, "\uFFFD")))
}
