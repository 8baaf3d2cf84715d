package probe

import (
	"context"
	"errors"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// most bounds the lists of a reply, which a cluster could make as long as it likes.
const most = 100

// try asks one address what tells whether reading would work, and fills the reply as far as it gets. It returns the first thing that is wrong.
func try(ctx context.Context, conn *pve.Conn, target *proxopsv1.Target, reply *proxopsv1.ProbeReply) error {
	var err error
	if reply.Version, err = conn.Version(ctx); err != nil {
		return err
	}
	status, err := conn.Status(ctx)
	if err == nil {
		reply.Identity, reply.Quorate, reply.Nodes = status.Identity, status.Quorate, bounded(status.Nodes())
		if !status.Quorate {
			err = conn.NoQuorum(status)
		}
	}
	wrong, _ := errors.AsType[*pve.Error](err)
	if err != nil && (wrong == nil || !answers(wrong)) {
		return err
	}
	granted, permissionsErr := conn.Permissions(ctx)
	if permissionsErr != nil {
		if err == nil {
			err = permissionsErr
		}
		return err
	}
	have, missing := granted.Check()
	reply.Privileges, reply.MissingPrivileges = bounded(texts(have)), bounded(texts(missing))
	switch {
	case len(missing) == 0:
	case wrong == nil:
		return lacking(conn, target, granted, missing)
	case wrong.Kind == proxopsv1.ErrorKind_ERROR_KIND_PERMISSION:
		wrong.Remedy = grant(target, granted, missing)
	}
	return err
}

// answers says whether a cluster where this is wrong can still tell the rest.
func answers(wrong *pve.Error) bool {
	return wrong.Kind == proxopsv1.ErrorKind_ERROR_KIND_PERMISSION || wrong.Kind == proxopsv1.ErrorKind_ERROR_KIND_QUORUM
}

func texts(privileges []pve.Privilege) []string {
	out := make([]string, len(privileges))
	for i, p := range privileges {
		out[i] = p.String()
	}
	return out
}

func bounded(list []string) []string { return list[:min(len(list), most)] }
