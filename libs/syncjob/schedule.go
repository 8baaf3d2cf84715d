package syncjob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
)

// schedule is a row of sync_schedules with its endpoints.
type schedule struct {
	Recurrence

	id        int32
	name      string
	types     []string
	endpoints []int32
	enabled   bool
	missed    string
	next      *time.Time
	user      *int32
	userName  string
}

func lockSchedule(ctx context.Context, tx pgx.Tx, id int32) (*schedule, error) {
	s := &schedule{id: id}
	var minutes *int32
	var types []byte
	err := tx.QueryRow(ctx, `SELECT s.name, s.kinds, s.first_run, s.created, s.interval_minutes, s.calendar, s.time_zone, s.enabled, s.missed, s.next_run, s.user_id,
			coalesce((SELECT u.username FROM users u WHERE u.id = s.user_id), ''),
			ARRAY(SELECT l.endpoint_id FROM sync_schedule_endpoints l WHERE l.schedule_id = s.id ORDER BY l.endpoint_id)
		FROM sync_schedules s WHERE s.id = $1 FOR UPDATE OF s`, id).
		Scan(&s.name, &types, &s.First, &s.Created, &minutes, &s.Calendar, &s.Zone, &s.enabled, &s.missed, &s.next, &s.user, &s.userName, &s.endpoints)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "there is no sync schedule %d", id)
	}
	if err != nil {
		return nil, fmt.Errorf("lock sync schedule %d: %w", id, err)
	}
	if minutes != nil {
		s.Every = time.Duration(*minutes) * time.Minute
	}
	if err := json.Unmarshal(types, &s.types); err != nil {
		return nil, fmt.Errorf("read the types of sync schedule %d: %w", id, err)
	}
	return s, nil
}

// Plan sets when a schedule runs next, strictly later than after, and makes, moves or removes the job that stands for that run. It returns nil if
// there is no next run. It takes the row lock of the schedule.
func Plan(ctx context.Context, tx pgx.Tx, id int32, after time.Time) (*time.Time, error) {
	s, err := lockSchedule(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	return s.plan(ctx, tx, after)
}

func (s *schedule) plan(ctx context.Context, tx pgx.Tx, after time.Time) (*time.Time, error) {
	s.next = nil
	if next, ok := s.Next(after); ok && s.enabled {
		s.next = &next
	}
	if _, err := tx.Exec(ctx, `UPDATE sync_schedules SET next_run = $2 WHERE id = $1`, s.id, s.next); err != nil {
		return nil, fmt.Errorf("plan the next run of sync schedule %d: %w", s.id, err)
	}
	if s.next == nil {
		if _, err := tx.Exec(ctx, `DELETE FROM jobs WHERE schedule_id = $1 AND status = 'scheduled'`, s.id); err != nil {
			return nil, fmt.Errorf("remove the planned job of sync schedule %d: %w", s.id, err)
		}
		return nil, nil //nolint:nilnil // that is the answer
	}
	kinds, err := KindsOf(s.types)
	if err != nil {
		return nil, fmt.Errorf("read the types of sync schedule %d: %w", s.id, err)
	}
	var minutes *int32
	if s.Every > 0 {
		minutes = new(int32(s.Every / time.Minute))
	}
	_, err = tx.Exec(ctx, `INSERT INTO jobs (name, object_type_id, object_id, schedule_id, kinds, endpoint_ids, status, scheduled, interval_minutes, user_id, user_name, request_id)
		VALUES ($1, $2, $3, $3, $4, $5, 'scheduled', $6, $7, $8, $9, $10)
		ON CONFLICT (schedule_id) WHERE status = 'scheduled' DO UPDATE SET name = excluded.name, kinds = excluded.kinds, endpoint_ids = excluded.endpoint_ids,
			scheduled = excluded.scheduled, interval_minutes = excluded.interval_minutes, user_id = excluded.user_id, user_name = excluded.user_name`,
		s.name, int32(change.SyncSchedule), s.id, kinds, s.endpoints, s.next, minutes, s.user, s.userName, uuid.New())
	if err != nil {
		return nil, fmt.Errorf("plan the next job of sync schedule %d: %w", s.id, err)
	}
	return s.next, nil
}

// Tick begins the job of a schedule whose time has come, and plans the run after it. It returns zero if there is nothing to do: the run began
// already, the schedule is disabled, or gone, or it skips what is later than grace. However many call it for one run, one job begins.
func Tick(ctx context.Context, tx pgx.Tx, id int32, now time.Time, grace time.Duration) (job int32, err error) {
	s, err := lockSchedule(ctx, tx, id)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !s.enabled || s.next == nil || s.next.After(now) {
		return 0, nil
	}
	due := *s.next
	if s.missed == "skip" && now.Sub(due) > grace {
		_, err := s.plan(ctx, tx, now)
		return 0, err
	}
	err = tx.QueryRow(ctx, `UPDATE jobs SET status = 'pending', created = clock_timestamp() WHERE schedule_id = $1 AND status = 'scheduled' RETURNING id`, id).Scan(&job)
	if err != nil {
		return 0, fmt.Errorf("begin the planned job of sync schedule %d: %w", id, err)
	}
	parts, err := expand(ctx, tx, job)
	if err != nil {
		return 0, err
	}
	kinds, err := KindsOf(s.types)
	if err != nil {
		return 0, fmt.Errorf("read the types of sync schedule %d: %w", id, err)
	}
	message := fmt.Sprintf("schedule %s asked for it at %s: %s", s.name, due.UTC().Format(time.RFC3339), partsOf(parts, kinds))
	if late := now.Sub(due); late > grace {
		message += fmt.Sprintf(", %s late, as nobody was there before", late.Round(time.Second))
	}
	if err := Log(ctx, tx, Entry{Job: job, Message: message}); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `UPDATE sync_schedules SET last_run = $2 WHERE id = $1`, id, due); err != nil {
		return 0, fmt.Errorf("note the run of sync schedule %d: %w", id, err)
	}
	_, err = s.plan(ctx, tx, now)
	return job, err
}
