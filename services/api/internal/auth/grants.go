package auth

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Grants are what permissions allow somebody: the constraints on the objects of a type, by the action. An action without an entry is not allowed.
type Grants map[change.ObjectType]map[resource.Action][]resource.Constraint

// LoadGrants reads what the enabled permissions of a user and of their groups allow, in one query, and adds what every user may.
func LoadGrants(ctx context.Context, q *store.Queries, user int32) (Grants, error) {
	rows, err := q.GrantsOfUser(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read the permissions of user %d: %w", user, err)
	}
	g := Grants{}
	for _, action := range []resource.Action{resource.View, resource.Add, resource.Change, resource.Delete} {
		g.add(change.Token, action, resource.Constraint{"user": "$user"}) // their own
	}
	for _, row := range rows {
		constraints := resource.ParseConstraints(row.Constraints)
		for _, action := range words(row.Actions) {
			g.add(change.ObjectType(row.ObjectTypeID), resource.Action(action), constraints...)
		}
	}
	return g, nil
}

func (g Grants) add(t change.ObjectType, action resource.Action, constraints ...resource.Constraint) {
	if g[t] == nil {
		g[t] = map[resource.Action][]resource.Constraint{}
	}
	g[t][action] = append(g[t][action], constraints...)
}

// words reads a list of texts. What is something else grants nothing.
func words(list []byte) []string {
	var elements []any
	_ = json.Unmarshal(list, &elements)
	var out []string
	for _, e := range elements {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Exempt names object types that may be viewed without permission: "app.model", or "*" for all but those that are about users and the change log.
type Exempt []string

// Check refuses names that no object type has.
func (e Exempt) Check() error {
	for _, name := range e {
		if _, known := change.TypeNamed(name); name != "*" && !known {
			return fault.New(fault.Invalid, "object type %q cannot be exempt from permissions: there is none of that name", name)
		}
	}
	return nil
}

// guarded are the object types that "*" does not stand for: those about users, and the change log, which tells what these hold.
var guarded = map[change.ObjectType]bool{change.User: true, change.Group: true, change.Token: true, change.Permission: true, change.ObjectChange: true}

// covers says whether objects of a type may be viewed without permission.
func (e Exempt) covers(t change.ObjectType) bool {
	for _, name := range e {
		if name == "*" && !guarded[t] || name == t.String() {
			return t.String() != ""
		}
	}
	return false
}
