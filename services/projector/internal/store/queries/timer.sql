-- name: TimerClock :one
-- The clock that all instances go by.
SELECT clock_timestamp()::timestamptz AS now;

-- name: TimerWanted :many
-- When each schedule of syncs runs next, and whether that lies ahead still.
SELECT id, next_run::timestamptz AS next_run, (next_run > clock_timestamp())::boolean AS ahead
FROM sync_schedules WHERE enabled AND next_run IS NOT NULL;

-- name: TimerLate :many
-- Schedules of syncs that should have begun a job by now, those that wait longest first. A message may take two seconds to announce a run.
SELECT id FROM sync_schedules
WHERE enabled AND next_run <= clock_timestamp() - interval '2 seconds'
ORDER BY next_run, id
LIMIT @batch;
