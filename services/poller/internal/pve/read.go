package pve

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// BackupRoutines reads the backup jobs, with warnings about values that could not be read.
func (c *Conn) BackupRoutines(ctx context.Context) ([]*proxopsv1.BackupRoutine, *Warnings, error) {
	return read(ctx, c, callBackups, backupRoutines)
}

// Replications reads the replication jobs, with warnings about values that could not be read.
func (c *Conn) Replications(ctx context.Context) ([]*proxopsv1.Replication, *Warnings, error) {
	return read(ctx, c, callReplications, replications)
}

func read[T any](ctx context.Context, c *Conn, path string, normalise func([]object, *Warnings) ([]T, error)) ([]T, *Warnings, error) {
	raw, err := c.get(ctx, path, path)
	if err != nil {
		return nil, nil, err
	}
	entries, err := list(raw)
	if err != nil {
		return nil, nil, c.explain(path, err)
	}
	var warn Warnings
	jobs, err := normalise(entries, &warn)
	if err != nil {
		return nil, nil, c.explain(path, err)
	}
	return jobs, &warn, nil
}

// Presence is what a cluster says about one job.
type Presence int

// What a cluster says about one job. Unknown is no answer.
const (
	Unknown Presence = iota
	Present
	Gone
	// Hidden means that the job exists and that the token may not see it.
	Hidden
)

var (
	askableBackup      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_:-]*$`)
	askableReplication = regexp.MustCompile(`^[1-9][0-9]{2,8}-(0|[1-9][0-9]{0,8})$`)
)

// CanAskBackup says whether a backup job can be asked for by its id: Proxmox VE takes 50 characters.
func CanAskBackup(id string) bool {
	return utf8.RuneCountInString(id) <= 50 && askableBackup.MatchString(id)
}

// CanAskReplication says whether a replication job can be asked for by its id.
func CanAskReplication(id string) bool { return askableReplication.MatchString(id) }

// AskBackup asks for one backup job. Only Proxmox VE's own words make it gone; Hidden and Unknown come with the reason.
func (c *Conn) AskBackup(ctx context.Context, id string) (Presence, error) {
	raw, err := c.get(ctx, callBackup, "/cluster/backup/"+url.PathEscape(id))
	status, _ := errors.AsType[*statusError](err)
	switch {
	case err == nil:
		return c.present(callBackup, raw, id)
	case status == nil:
		return Unknown, err
	case status.status == http.StatusBadRequest && strings.HasPrefix(status.errors["id"], "No such job '"+id+"'"):
		return Gone, nil
	}
	return Unknown, err
}

// AskReplication asks for one replication job. Proxmox VE looks for the job before it looks at permissions, so a 403 means that it is there.
func (c *Conn) AskReplication(ctx context.Context, id string) (Presence, error) {
	raw, err := c.get(ctx, callReplication, "/cluster/replication/"+url.PathEscape(id))
	status, _ := errors.AsType[*statusError](err)
	switch {
	case err == nil:
		return c.present(callReplication, raw, id)
	case status == nil:
		return Unknown, err
	case status.status == http.StatusInternalServerError && status.says("no such replication job '"+id+"'"):
		return Gone, nil
	case status.status == http.StatusForbidden:
		return Hidden, err
	}
	return Unknown, err
}

func (c *Conn) present(call string, raw []byte, id string) (Presence, error) {
	o, err := single(raw)
	if err == nil {
		if got, _ := lexText(o["id"]); got == id {
			return Present, nil
		}
		err = malformedf("it tells of another job than the one asked for")
	}
	return Unknown, c.explain(call, err)
}
