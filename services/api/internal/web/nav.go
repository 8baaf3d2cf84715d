package web

import (
	"slices"
	"strings"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// section is a group of links in the menu.
type section struct {
	title string
	links []link
}

// link is one entry of the menu.
type link struct {
	title, to, icon string
	resource        string   // shown to those who may view it; "": to everybody
	anyOf           []string // instead of resource: shown to those who may view any of these
	key             string   // of the keyboard: g and this one
}

var menu = []section{
	{"Overview", []link{
		{title: "Dashboard", to: "/", icon: "dashboard", key: "d"},
		{title: "Calendar", to: calendarPath, icon: "calendar", anyOf: []string{catalog.Routines, catalog.Replications}, key: "a"},
	}},
	{"Jobs of Proxmox", []link{
		{title: "Backup Routines", icon: "backup", resource: catalog.Routines, key: "b"},
		{title: "Replications", icon: "replication", resource: catalog.Replications, key: "r"},
	}},
	{"Infrastructure", []link{
		{title: "Endpoints", icon: "endpoint", resource: catalog.Endpoints, key: "e"},
		{title: "Clusters", icon: "cluster", resource: "clusters"},
		{title: "Proxmox Clusters", icon: "cluster", resource: "proxmox-clusters"},
		{title: "Nodes", icon: "node", resource: "nodes", key: "n"},
		{title: "Storage", icon: "storage", resource: "storage", key: "s"},
		{title: "Virtual Machines", icon: "vm", resource: "virtual-machines", key: "v"},
	}},
	{"Operations", []link{
		{title: "Sync Jobs", icon: "sync", resource: catalog.Jobs, key: "y"},
		{title: "Sync Schedules", icon: "clock", resource: catalog.SyncSchedules, key: "h"},
		{title: "Change Log", icon: "log", resource: "object-changes", key: "c"},
		{title: "Journal", icon: "journal", resource: "journal-entries"},
	}},
	{"Customization", []link{
		{title: "Tags", icon: "tag", resource: "tags", key: "t"},
		{title: "Custom Fields", icon: "field", resource: "custom-fields"},
		{title: "Choice Sets", icon: "field", resource: "custom-field-choice-sets"},
	}},
	{"Administration", []link{
		{title: "Users", icon: "user", resource: catalog.Users},
		{title: "Groups", icon: "users", resource: "groups"},
		{title: "Permissions", icon: "lock", resource: "permissions"},
		{title: "API Tokens", icon: "key", resource: catalog.Tokens},
	}},
}

// sections are the parts of the menu that who looks may see.
func (p *page) sections() []section {
	var out []section
	for _, s := range menu {
		shown := section{title: s.title}
		for _, l := range s.links {
			if l.resource != "" {
				r := p.Store.Set.Get(l.resource)
				if r == nil || !p.may(r, resource.View) {
					continue
				}
				l.to = pathOf(r)
			}
			if l.anyOf != nil && !slices.ContainsFunc(l.anyOf, p.sees) {
				continue
			}
			shown.links = append(shown.links, l)
		}
		if shown.links != nil {
			out = append(out, shown)
		}
	}
	return out
}

// active says whether the menu shows where one is.
func (l link) active(p *page) bool {
	at := p.http.URL.Path
	return at == l.to || l.to != "/" && strings.HasPrefix(at, l.to)
}

// pathOf is where the pages of a resource are.
func pathOf(r *resource.Resource) string {
	if page, ok := elsewhere[r.Name]; ok {
		return page
	}
	return "/" + r.Path + "/"
}

// elsewhere are pages that are not where the API has the resource.
var elsewhere = map[string]string{"object-changes": "/core/changelog/"}
