package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/shell"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// lacking is that privileges are missing, though the cluster answers.
func lacking(conn *pve.Conn, target *proxopsv1.Target, granted pve.Permissions, missing []pve.Privilege) *pve.Error {
	return &pve.Error{
		Kind:             proxopsv1.ErrorKind_ERROR_KIND_PERMISSION,
		Text:             fmt.Sprintf("%s, GET /access/permissions: %s lacks %s", conn.Address(), pve.TokenID(target), some(texts(missing))),
		Remedy:           grant(target, granted, missing),
		MissingPrivilege: missing[0].String(),
	}
}

// grant says how to give what is missing. With privilege separation a token may do only what both it and its user may; whether it has that, it
// cannot see itself.
func grant(target *proxopsv1.Target, granted pve.Permissions, missing []pve.Privilege) string {
	var paths []string
	for _, m := range missing {
		if path := where(granted, m); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	acl := func(option, name string) string {
		return fmt.Sprintf("`pveum acl modify %s %s %s --roles PVEAuditor`", shell.Quote(paths[0]), option, shell.Quote(name))
	}
	text := fmt.Sprintf("On a node, run %s; if the token has privilege separation, also %s.", acl("--users", target.GetUsername()), acl("--tokens", pve.TokenID(target)))
	if paths[0] != "/" {
		text += " There another role takes the place of what is granted on /; if it is NoAccess, remove it."
	}
	if len(paths) > 1 {
		text += fmt.Sprintf(" Then do the same for %s.", some(paths[1:]))
	}
	return text
}

// where is the path on which to grant a privilege: / with propagation, unless that is done and something below stands in its way.
func where(granted pve.Permissions, m pve.Privilege) string {
	if granted["/"][m.Name] {
		return m.Path
	}
	return "/"
}

// some names the first few of many.
func some(list []string) string {
	const few = 5
	text := strings.Join(list[:min(len(list), few)], ", ")
	if len(list) > few {
		text += fmt.Sprintf(" and %d more", len(list)-few)
	}
	return text
}
