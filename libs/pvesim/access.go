package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Token is an API token with its permissions.
type Token struct {
	User   string // with its realm: "proxops@pve"
	Name   string
	Secret string
	// ACL is what the token (and its user) may do; nil = PVEAuditor on "/".
	ACL []ACL
	// Expired tokens and disabled users are turned away with 401.
	Expired, Disabled bool
}

// ACL gives a role on a path. The entry of the longest path that applies replaces those above it.
type ACL struct {
	Path string
	// Role is PVEAuditor, NoAccess, or privileges separated by blanks.
	Role string
	// Exact entries do not hold for the paths below.
	Exact bool
}

// Header is the value of the Authorization header.
func (t Token) Header() string { return fmt.Sprintf("PVEAPIToken=%s!%s=%s", t.User, t.Name, t.Secret) }

var auditor = []ACL{{Path: "/", Role: "PVEAuditor"}}

func (t *Token) acl() []ACL {
	if t.ACL == nil {
		return auditor
	}
	return t.ACL
}

func privileges(d dialect, role string) []string {
	switch role {
	case "NoAccess":
		return nil
	case "PVEAuditor":
		privs := []string{"VM.Audit", "Sys.Audit", "Datastore.Audit", "SDN.Audit"}
		for _, p := range []struct {
			name string
			span span
		}{{"Pool.Audit", poolAudit}, {"Mapping.Audit", mappingAudit}, {"VM.GuestAgent.Audit", guestAgentAudit}} {
			if d.has(p.span) {
				privs = append(privs, p.name)
			}
		}
		return privs
	}
	return strings.Fields(role)
}

// grants are privileges with 1 where they hold for the paths below, too.
type grants map[string]int

// direct is what the ACL gives on a path, pools aside, and whether that is an explicit NoAccess.
func direct(d dialect, acl []ACL, path string) (g grants, noAccess bool) {
	best := -1
	for _, a := range acl {
		if !applies(a, path) || len(a.Path) < best {
			continue
		}
		if len(a.Path) > best {
			g, best = grants{}, len(a.Path)
			noAccess = false
		}
		noAccess = noAccess || a.Role == "NoAccess"
		for _, p := range privileges(d, a.Role) {
			g[p] = number(!a.Exact)
		}
	}
	if noAccess {
		return nil, true
	}
	return g, false
}

func applies(a ACL, path string) bool {
	if a.Path == path {
		return true
	}
	return !a.Exact && (a.Path == "/" || strings.HasPrefix(path, a.Path+"/"))
}

// granted is what a token may do on a path. A pool's members inherit what one may do on the pool, unless they say NoAccess.
func granted(d dialect, w *World, acl []ACL, path string) grants {
	g, noAccess := direct(d, acl, path)
	if noAccess || !slices.ContainsFunc(acl, func(a ACL) bool { return strings.HasPrefix(a.Path, "/pool/") }) {
		return g
	}
	pool := poolOf(w, path)
	if !slices.ContainsFunc(acl, func(a ACL) bool { return a.Path == "/pool/"+pool }) {
		return g
	}
	fromPool, _ := direct(d, acl, "/pool/"+pool)
	for p := range fromPool {
		if g == nil {
			g = grants{}
		}
		if _, ok := g[p]; !ok {
			g[p] = 0
		}
	}
	return g
}

// poolOf is the pool of the guest that a path names, "" when there is none.
func poolOf(w *World, path string) string {
	rest, _ := strings.CutPrefix(path, "/vms/")
	vmid, err := strconv.Atoi(rest)
	if err != nil {
		return ""
	}
	if g := w.Guest(vmid); g != nil {
		return g.Pool
	}
	return ""
}

func (x *exchange) may(privilege, path string) bool {
	if len(x.acl) == 1 && x.acl[0] == auditor[0] { // the usual case, for lists of thousands
		return slices.Contains(privileges(x.dialect, auditor[0].Role), privilege)
	}
	_, ok := granted(x.dialect, x.world, x.acl, path)[privilege]
	return ok
}

// permissions lists one's own privileges. A path on which one has none is left out, so NoAccess looks like silence.
func permissions(x *exchange) answer {
	paths := []string{"/", "/access", "/access/groups", "/nodes", "/sdn", "/storage", "/vms"}
	if x.dialect.has(poolAudit) {
		paths = append(paths, "/pool")
	}
	for _, a := range x.acl {
		paths = append(paths, a.Path)
		if pool, ok := strings.CutPrefix(a.Path, "/pool/"); ok {
			for _, g := range x.world.Guests {
				if g.Pool == pool {
					paths = append(paths, vmPath(g.VMID))
				}
			}
		}
	}
	if only := x.query.Get("path"); only != "" {
		paths = []string{only}
	}
	all := object{}
	for _, path := range paths {
		o := object{}
		for p, propagate := range granted(x.dialect, x.world, x.acl, path) {
			o[p] = propagate
		}
		if len(o) > 0 {
			all[path] = o
		}
	}
	return x.data(all)
}
