package pve

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Privilege is one that holds on a path.
type Privilege struct{ Path, Name string }

// String is the privilege as Proxmox VE names it, "/vms/205 VM.Audit".
func (p Privilege) String() string { return p.Path + " " + p.Name }

// needed are what reading takes, on the path where it must hold for the paths below, too. Only what is on / itself is asked for by the calls that
// need Sys.Audit.
var needed = []Privilege{{"/", "Sys.Audit"}, {"/vms", "VM.Audit"}, {"/storage", "Datastore.Audit"}}

// Permissions are one's own: for each path the privileges, true where they hold for the paths below, too. Paths without any are not in it.
type Permissions map[string]map[string]bool

// Permissions reads what the token may do: with privilege separation, what both it and its user may do.
func (c *Conn) Permissions(ctx context.Context) (Permissions, error) {
	raw, err := c.get(ctx, callPermissions, "/access/permissions")
	if err != nil {
		return nil, err
	}
	p, err := permissions(raw)
	return p, c.explain(callPermissions, err)
}

func permissions(raw json.RawMessage) (Permissions, error) {
	paths, err := single(raw)
	if err != nil {
		return nil, err
	}
	out := make(Permissions, len(paths))
	for path, v := range paths {
		granted, ok := v.(map[string]any)
		if !ok {
			return nil, malformedf("what it tells of the path %q is no object", clip(path, 60))
		}
		path = oneLine(path, maxText) // people are told of it
		out[path] = make(map[string]bool, len(granted))
		for name, propagate := range granted {
			// A flag that cannot be read proves nothing about the paths below.
			out[path][name], _ = lexBool(propagate)
		}
	}
	return out, nil
}

// Check says which of the privileges that reading needs there are, and which are missing: those first that are missing everywhere, then those
// that a path below lacks, where a role of its own takes the place of what is granted above. A path where nothing at all is granted (NoAccess)
// cannot be seen, unless it is one of those that Proxmox VE always looks at.
func (p Permissions) Check() (have, missing []Privilege) {
	var below []Privilege
	for _, n := range needed {
		if p.Covers(n) {
			have = append(have, n)
			below = append(below, p.gaps(n)...)
		} else {
			missing = append(missing, n)
		}
	}
	return have, append(missing, below...)
}

// Covers says whether a privilege holds on its path and, but for gaps, below it. On / it is enough that it holds there.
func (p Permissions) Covers(n Privilege) bool {
	own, listed := p[n.Path]
	if n.Path == "/" {
		_, holds := own[n.Name]
		return holds
	}
	// The top paths are listed whenever anything is granted on them, so one that is missing among others has a NoAccess of its own.
	return own[n.Name] || !listed && !p.listsTops() && p["/"][n.Name]
}

func (p Permissions) listsTops() bool {
	return slices.ContainsFunc([]string{"/access", "/nodes", "/storage", "/vms"}, func(top string) bool { return p[top] != nil })
}

// gaps are the paths below that lack a privilege, in the order of their numbers.
func (p Permissions) gaps(n Privilege) []Privilege {
	var gaps []Privilege
	if n.Path == "/" {
		return nil
	}
	for _, path := range slices.SortedFunc(maps.Keys(p), byNumber) {
		if _, holds := p[path][n.Name]; !holds && strings.HasPrefix(path, n.Path+"/") {
			gaps = append(gaps, Privilege{path, n.Name})
		}
	}
	return gaps
}

func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
