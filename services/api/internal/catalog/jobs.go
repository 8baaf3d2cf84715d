package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// lastSeen is when a complete reading last had the job: of active jobs, the last complete reading of all.
func lastSeen(kind string) resource.Field {
	return resource.Field{
		Name: "last_seen", Kind: resource.DateTime{}, Null: true, Unlogged: true, Help: "When a complete reading of the cluster last had the job",
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
		BeforeAll: func(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
			if more != nil {
				for _, w := range all {
					more(w)
				}
			}
			if err := k.follow(ctx, tx, all); err != nil {
				return err
			}
			if err := k.keepStatus(ctx, tx, all); err != nil {
				return err
			}
			for _, w := range all {
				if w.Action == change.Update && w.DiffersMirrored() {
					w.Columns["content_hash"] = nil
				}
			}
			return nil
		},
		AfterAll: k.compareAgain,
		BeforeDelete: func(ctx context.Context, d *resource.Deletion) error {
			_, err := d.Tx.Exec(ctx, "UPDATE sync_states s SET digest = NULL FROM "+k.table+" t WHERE t.id = ANY($1::bigint[]) AND s.endpoint_id = t.endpoint_id AND s.kind = $2", d.IDs, k.kind)
			if err != nil {
				return fmt.Errorf("have the next poll compare %ss: %w", k.kind, err)
			}
			return nil
		},
	}
}

// compareAgain forgets the digest of what was applied last, so that the next poll compares row by row.
func (k jobKind) compareAgain(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	var endpoints []int64
	for _, w := range all {
		if !w.DiffersMirrored() && !w.Differs("endpoint") {
			continue
		}
		for _, o := range []*resource.Record{w.Before, w.After} {
			if o == nil {
				continue
			}
			if id, ok := o.Int("endpoint"); ok {
				endpoints = append(endpoints, id)
			}
		}
	}
	if endpoints == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, "UPDATE sync_states SET digest = NULL WHERE endpoint_id = ANY($1::bigint[]) AND kind = $2 AND digest IS NOT NULL", endpoints, k.kind); err != nil {
		return fmt.Errorf("have the next poll compare %ss: %w", k.kind, err)
	}
	return nil
}

// follow sets next_run where the request does not: what the schedule says, and null for what does not run.
func (k jobKind) follow(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	if !k.nextRun {
		return nil
	}
	due := map[int64][]*resource.Write{} // by endpoint
	for _, w := range all {
		if w.Given["next_run"] || !w.Differs("schedule", "enabled", "endpoint") {
			continue
		}
		w.After.Set("next_run", nil)
		if endpoint, ok := w.After.Int("endpoint"); ok && k.running(w.After) {
			due[endpoint] = append(due[endpoint], w)
		}
	}
	if len(due) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT e.id::bigint, coalesce(nullif(e.time_zone, ''), s.time_zone, '')
		FROM endpoints e LEFT JOIN endpoint_states s ON s.endpoint_id = e.id WHERE e.enabled AND e.id = ANY($1::bigint[])`, slices.Collect(maps.Keys(due)))
	if err != nil {
		return fmt.Errorf("read the time zones of endpoints: %w", err)
	}
	var endpoint int64
	var zone string
	now := time.Now()
	_, err = pgx.ForEachRow(rows, []any{&endpoint, &zone}, func() error {
		for _, w := range due[endpoint] {
			if next, ok := nextRun(w.After.Text("schedule"), zone, now); ok {
				w.After.Set("next_run", next)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the time zones of endpoints: %w", err)
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
func (k jobKind) keepStatus(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	stale := map[int64]*resource.Write{} // by id
	for _, w := range all {
		switch {
		case !w.Differs("status"):
		case w.After.Text("status") == "stale":
			w.After.Set("stale_since", time.Now().UTC().Truncate(time.Microsecond))
			if w.Before != nil {
				stale[w.Before.ID] = w
			}
		default:
			w.After.Set("stale_since", nil)
			if w.Before != nil {
				// Nobody has seen it again yet: its last_seen stays what it was.
				w.Columns["seen"] = false
			}
		}
	}
	if len(stale) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT t.id::bigint, CASE WHEN t.seen THEN s.last_seen ELSE t.last_seen END
		FROM `+k.table+` t LEFT JOIN sync_states s ON s.endpoint_id = t.endpoint_id AND s.kind = $2 WHERE t.id = ANY($1::bigint[])`, slices.Collect(maps.Keys(stale)), k.kind)
	if err != nil {
		return fmt.Errorf("read when %ss were seen: %w", k.kind, err)
	}
	var id int64
	var seen *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &seen}, func() error {
		stale[id].Columns["last_seen"] = seen
		seen = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("read when %ss were seen: %w", k.kind, err)
	}
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
