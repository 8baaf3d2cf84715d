package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// lastSeen is when a complete reading last had the job: of active jobs, the last complete reading of all.
func lastSeen(kind string) resource.Field {
	return resource.Field{
		Name: "last_seen", Kind: resource.DateTime{}, Unlogged: true, Help: "When a complete reading of the cluster last had the job",
		Expr: "CASE WHEN {t}.status = 'active' AND {t}.seen THEN (SELECT s.last_seen FROM sync_states s WHERE s.endpoint_id = {t}.endpoint_id AND s.kind = '" +
			kind + "') ELSE {t}.last_seen END",
	}
}

var staleSince = resource.Field{Name: "stale_since", Kind: resource.DateTime{}, ReadOnly: true, Null: true, Silent: true}

var version = resource.Field{Name: "version", Kind: resource.Integer{}, ReadOnly: true, Unlogged: true, Defaulted: true, Help: "1, 2, 3 …: one more for each change"}

// jobKind is what the two kinds of jobs differ in when one is written by hand.
// Statements of hooks are not sqlc's: most name the table of their kind, which no parameter can, and the few others stay beside those.
type jobKind struct {
	table, kind string
	running     func(*resource.Record) bool // whether the schedule is followed
	nextRun     bool                        // the kind has a next_run
}

// hooks keep what follows from a write by hand: the next poll must compare again, and restores what Proxmox says.
func (k jobKind) hooks(more func(*resource.Write)) resource.Hooks {
	return resource.Hooks{
		BeforeSave: func(ctx context.Context, w *resource.Write) error {
			if more != nil {
				more(w)
			}
			if err := k.follow(ctx, w); err != nil {
				return err
			}
			if err := k.keepStatus(ctx, w); err != nil {
				return err
			}
			if w.Action == change.Update && w.DiffersMirrored() {
				w.Columns["content_hash"] = nil
			}
			return nil
		},
		AfterSave: func(ctx context.Context, w *resource.Write) error {
			if !w.DiffersMirrored() && !w.Differs("endpoint") {
				return nil
			}
			return k.compareAgain(ctx, w)
		},
		BeforeDelete: func(ctx context.Context, tx pgx.Tx, ids []int64) error {
			_, err := tx.Exec(ctx, "UPDATE sync_states s SET digest = NULL FROM "+k.table+" t WHERE t.id = ANY($1::bigint[]) AND s.endpoint_id = t.endpoint_id AND s.kind = $2", ids, k.kind)
			if err != nil {
				return fmt.Errorf("have the next poll compare %ss: %w", k.kind, err)
			}
			return nil
		},
	}
}

// compareAgain forgets the digest of what was applied last, so that the next poll compares row by row.
func (k jobKind) compareAgain(ctx context.Context, w *resource.Write) error {
	var endpoints []int64
	for _, o := range []*resource.Record{w.Before, w.After} {
		if o == nil {
			continue
		}
		if id, ok := o.Int("endpoint"); ok {
			endpoints = append(endpoints, id)
		}
	}
	if _, err := w.Tx.Exec(ctx, "UPDATE sync_states SET digest = NULL WHERE endpoint_id = ANY($1::bigint[]) AND kind = $2 AND digest IS NOT NULL", endpoints, k.kind); err != nil {
		return fmt.Errorf("have the next poll compare %ss: %w", k.kind, err)
	}
	return nil
}

// follow sets next_run where the request does not: what the schedule says, and null for what does not run.
func (k jobKind) follow(ctx context.Context, w *resource.Write) error {
	if !k.nextRun || w.Given["next_run"] || !w.Differs("schedule", "enabled", "endpoint") {
		return nil
	}
	w.After.Set("next_run", nil)
	endpoint, ok := w.After.Int("endpoint")
	if !ok || !k.running(w.After) {
		return nil
	}
	var enabled bool
	var zone string
	err := w.Tx.QueryRow(ctx, `SELECT e.enabled, coalesce(nullif(e.time_zone, ''), s.time_zone, '')
		FROM endpoints e LEFT JOIN endpoint_states s ON s.endpoint_id = e.id WHERE e.id = $1::bigint`, endpoint).Scan(&enabled, &zone)
	if err != nil {
		return fmt.Errorf("read the time zone of endpoint %d: %w", endpoint, err)
	}
	if !enabled {
		return nil
	}
	if next, ok := nextRun(w.After.Text("schedule"), zone, time.Now()); ok {
		w.After.Set("next_run", next)
	}
	return nil
}

// nextRun computes when a schedule runs next. An unknown zone counts as UTC; ok is false for what never runs or cannot be read.
func nextRun(schedule, zone string, now time.Time) (next time.Time, ok bool) {
	event, err := calendar.ParseAny(schedule)
	if err != nil {
		return next, false
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.UTC
	}
	next, ok = event.Next(now.In(location))
	return next.UTC(), ok
}

// keepStatus keeps stale_since and last_seen true when the status is set by hand.
func (k jobKind) keepStatus(ctx context.Context, w *resource.Write) error {
	if !w.Differs("status") {
		return nil
	}
	if w.After.Text("status") != "stale" {
		w.After.Set("stale_since", nil)
		if w.Before != nil {
			// Nobody has seen it again yet: its last_seen stays what it was.
			w.Columns["seen"] = false
		}
		return nil
	}
	w.After.Set("stale_since", time.Now().UTC().Truncate(time.Microsecond))
	if w.Before == nil {
		return nil
	}
	var seen *time.Time
	err := w.Tx.QueryRow(ctx, `SELECT CASE WHEN t.seen THEN s.last_seen ELSE t.last_seen END
		FROM `+k.table+` t LEFT JOIN sync_states s ON s.endpoint_id = t.endpoint_id AND s.kind = $2 WHERE t.id = $1::bigint`, w.Before.ID, k.kind).Scan(&seen)
	if err != nil {
		return fmt.Errorf("read when %s %d was seen: %w", k.kind, w.Before.ID, err)
	}
	w.Columns["last_seen"] = seen
	return nil
}

// selectionMode says how the selection of a routine made by hand is meant: guests by number, or all of them if it names none.
func selectionMode(w *resource.Write) {
	if !w.Differs("selection") {
		return
	}
	mode := "vmid"
	if selection, _ := w.After.Get("selection").(interface{ MarshalJSON() ([]byte, error) }); selection != nil {
		if text, err := selection.MarshalJSON(); err == nil && string(text) == "[]" {
			mode = "all"
		}
	}
	w.After.Set("selection_mode", mode)
}
