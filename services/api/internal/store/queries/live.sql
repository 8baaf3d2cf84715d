-- name: LivePosition :one
-- How far events have positions, how far they are published, and which change is at one of the positions.
SELECT s.last_position, s.published_position, p.change_id
FROM relay_state s LEFT JOIN event_positions p ON p.position = @position;

-- name: LiveJob :one
SELECT id, status, started, completed, error FROM jobs WHERE id = @id;

-- name: LiveParts :many
SELECT endpoint_id, endpoint_name, kind, status, created, updated, unchanged, stale, reactivated, skipped, requests,
       round(extract(epoch FROM duration) * 1000)::bigint AS duration_ms, error_kind, error_text, remedy, missing_privilege, attempts, started, completed
FROM job_parts
WHERE job_id = @job_id
ORDER BY endpoint_name, endpoint_id, array_position(ARRAY['backup_routine', 'replication', 'inventory'], kind);

-- name: LiveLog :many
SELECT id, time, level, message FROM job_logs WHERE job_id = @job_id AND id > @after AND id <= @upto ORDER BY id;
