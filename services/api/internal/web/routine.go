package web

import (
	"context"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// inert says why a job of Proxmox does not run, "" if it does.
func inert(o object) string {
	switch {
	case o.choice("status") == "stale":
		return "its cluster no longer has it"
	case o.flag("disable") || o["enabled"] == false:
		return "it is disabled"
	}
	return ""
}

// inertLead says of a job that does not run that it does not, before anything else on its page.
func inertLead(_ context.Context, _ *page, s *sheet) ([]templ.Component, error) {
	if why := inert(s.o); why != "" {
		return []templ.Component{inertNote(s, why)}, nil
	}
	return nil, nil
}

// retentions are the fields that say how long backups are kept, as they are said.
var retentions = []struct{ field, word string }{
	{"keep_last", "last"}, {"keep_hourly", "hourly"}, {"keep_daily", "daily"}, {"keep_weekly", "weekly"}, {"keep_monthly", "monthly"}, {"keep_yearly", "yearly"},
}

// retention says which backups a routine keeps, as Proxmox understands it: nothing but zeros keeps all, and what says nothing leaves it to the storage.
func retention(o object) string {
	var parts []string
	said := false
	for _, k := range retentions {
		said = said || o[k.field] != nil
		if n := o.number(k.field); n > 0 {
			parts = append(parts, grouped(n)+" "+k.word)
		}
	}
	remove, told := o.sub("raw_config")["remove"]
	switch {
	case told && slices.Contains([]string{"0", "false", ""}, plain(remove)):
		return "all: the job removes none"
	case o.flag("keep_all") || said && parts == nil:
		return "all"
	case !said:
		return "as the storage says, or else vzdump.conf of the node"
	}
	return strings.Join(parts, ", ")
}
