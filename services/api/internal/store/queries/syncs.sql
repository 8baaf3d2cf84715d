-- name: SyncProgress :one
-- How far a sync job is.
SELECT j.status, j.error, count(p.*) AS total, count(p.*) FILTER (WHERE p.status NOT IN ('pending', 'running')) AS done
FROM jobs j LEFT JOIN job_parts p ON p.job_id = j.id
WHERE j.id = @id
GROUP BY j.id;

-- name: SyncLines :many
-- The log of a sync job after a line.
SELECT id, time, level, message FROM job_logs WHERE job_id = @job_id AND id > @after ORDER BY id;

-- name: SyncStatus :one
SELECT status FROM jobs WHERE id = @id;

-- name: SyncEndpoints :one
-- The endpoints that a sync job names, none for all.
SELECT endpoint_ids::bigint[] AS endpoints FROM jobs WHERE id = @id;

-- name: SyncTargets :many
-- Endpoints that a sync may be of: all, or those with these ids.
SELECT id, name, enabled FROM endpoints WHERE @everything::bool OR id = ANY (@ids::bigint[]) ORDER BY id;
