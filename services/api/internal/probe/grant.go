package probe

import (
	"regexp"
	"slices"
	"strings"
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
		command := "pveum acl modify " + quote(path) + " --users " + quote(username)
		if token != "" {
			command += " --tokens " + quote(username+"!"+token)
		}
		commands = append(commands, command+" --roles "+auditor)
	}
	return strings.Join(commands, " && ")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9@._/-]+$`)

// quote makes one word of a shell of a text. People paste it as root, and others may have entered it.
func quote(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
