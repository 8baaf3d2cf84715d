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
	kinds     []string
	endpoints []int32
	enabled   bool
	missed    string
	next      *time.Time
	user      *int32
	userName  string
}

// lockSchedule reads a schedule under its row lock. The lock is taken first: what a statement with a lock reads of other tables may be older than
// the row.
func lockSchedule(ctx context.Context, tx pgx.Tx, id int32) (*schedule, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM sync_schedules WHERE id = $1 FOR UPDATE`, id); err != nil {
		return nil, fmt.Errorf("lock sync schedule %d: %w", id, err)
	}
	s := &schedule{id: id}
	var minutes *int32
	var types []byte
	err := tx.QueryRow(ctx, `SELECT s.name, s.kinds, s.first_run, s.created, s.interval_minutes, s.calendar, s.time_zone, s.enabled, s.missed, s.next_run, s.user_id,
			coalesce((SELECT u.username FROM users u WHERE u.id = s.user_id), ''),
			ARRAY(SELECT l.endpoint_id FROM sync_schedule_endpoints l WHERE l.schedule_id = s.id ORDER BY l.endpoint_id)
		FROM sync_schedules s WHERE s.id = $1`, id).
		Scan(&s.name, &types, &s.First, &s.Created, &minutes, &s.Calendar, &s.Zone, &s.enabled, &s.missed, &s.next, &s.user, &s.userName, &s.endpoints)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "there is no sync schedule %d", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read sync schedule %d: %w", id, err)
	}
	if minutes != nil {
		s.Every = time.Duration(*minutes) * time.Minute
	}
	var names []string
	if err = json.Unmarshal(types, &names); err == nil {
		s.kinds, err = KindsOf(names)
	}
	if err != nil {
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
	err = s.plan(ctx, tx, after)
	return s.next, err
}

// Follow brings the job that stands for the next run of a schedule in line with what the schedule syncs now. It runs when it would have run. It takes
// the row lock of the schedule.
func Follow(ctx context.Context, tx pgx.Tx, id int32) error {
	s, err := lockSchedule(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.stand(ctx, tx)
}

// plan sets s.next to the first run later than after.
func (s *schedule) plan(ctx context.Context, tx pgx.Tx, after time.Time) error {
	s.next = nil
	if next, ok := s.Next(after); ok && s.enabled {
		s.next = &next
	}
	if _, err := tx.Exec(ctx, `UPDATE sync_schedules SET next_run = $2 WHERE id = $1`, s.id, s.next); err != nil {
		return fmt.Errorf("plan the next run of sync schedule %d: %w", s.id, err)
	}
	return s.stand(ctx, tx)
}

// stand makes, changes or removes the job that stands for the next run.
func (s *schedule) stand(ctx context.Context, tx pgx.Tx) error {
	if s.next == nil {
		if _, err := tx.Exec(ctx, `DELETE FROM jobs WHERE schedule_id = $1 AND status = 'scheduled'`, s.id); err != nil {
			return fmt.Errorf("remove the planned job of sync schedule %d: %w", s.id, err)
		}
		return nil
	}
	var minutes *int32
	if s.Every > 0 {
		minutes = new(int32(s.Every / time.Minute))
	}
	_, err := tx.Exec(ctx, `INSERT INTO jobs (name, object_type_id, object_id, schedule_id, kinds, endpoint_ids, status, scheduled, interval_minutes, user_id, user_name, request_id)
		VALUES ($1, $2, $3, $3, $4, $5, 'scheduled', $6, $7, $8, $9, $10)
		ON CONFLICT (schedule_id) WHERE status = 'scheduled' DO UPDATE SET name = excluded.name, kinds = excluded.kinds, endpoint_ids = excluded.endpoint_ids,
			scheduled = excluded.scheduled, interval_minutes = excluded.interval_minutes, user_id = excluded.user_id, user_name = excluded.user_name`,
		s.name, int32(change.SyncSchedule), s.id, s.kinds, s.endpoints, s.next, minutes, s.user, s.userName, uuid.New())
	if err != nil {
		return fmt.Errorf("plan the next job of sync schedule %d: %w", s.id, err)
	}
	return nil
}
