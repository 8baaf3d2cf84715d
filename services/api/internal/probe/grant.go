package probe

import (
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/shell"
)

// auditor is the role of Proxmox VE that has every privilege to look and none to change.
const auditor = "PVEAuditor"

// Grant returns the command that grants what is missing, "" if nothing is that a role to look grants. Privileges are written as "/vms/205 VM.Audit".
// The user gets the role too: a token with separated privileges has those alone that its user has.
func Grant(username, token string, missing []string) string {
	var paths []string
	for _, m := range missing {
		if path, privilege, _ := strings.Cut(m, " "); strings.HasPrefix(path, "/") && strings.HasSuffix(privilege, ".Audit") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	var commands []string
	for _, path := range paths {
		above := func(p string) bool { return p != path && strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") }
		if slices.ContainsFunc(paths, above) {
			continue // the role reaches down
		}
		command := "pveum acl modify " + shell.Quote(path) + " --users " + shell.Quote(username)
		if token != "" {
			command += " --tokens " + shell.Quote(username+"!"+token)
		}
		commands = append(commands, command+" --roles "+auditor)
	}
	return strings.Join(commands, " && ")
}
