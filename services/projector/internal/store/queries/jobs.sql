-- name: JobPartsPending :many
-- What sync jobs wait for of an endpoint, with what a run that fell silent was to bring. To be read under the lock of the endpoint.
SELECT kind FROM job_parts WHERE endpoint_id = @endpoint_id AND (status = 'pending' OR status = 'running' AND @silent::boolean) GROUP BY kind;

-- name: JobPartsStart :many
-- Joins what jobs wait for to a run.
UPDATE job_parts
SET status = 'running', generation = @generation::bigint, attempts = attempts + 1, started = clock_timestamp()
WHERE endpoint_id = @endpoint_id AND status = 'pending' AND kind = ANY (@kinds::text[])
RETURNING job_id, endpoint_name, kind;

-- name: JobPartsSettle :many
-- Gives the parts that a run reads their outcome.
UPDATE job_parts
SET status = @status, created = @created, updated = @updated, unchanged = @unchanged, stale = @stale, reactivated = @reactivated, skipped = @skipped,
    requests = @requests, duration = @duration::interval, error_kind = @error_kind, error_text = @error_text, remedy = @remedy,
    missing_privilege = @missing_privilege, completed = clock_timestamp()
WHERE endpoint_id = @endpoint_id AND status = 'running' AND generation = @generation::bigint AND kind = @kind
RETURNING job_id, endpoint_name, kind;

-- name: JobPartsGiveBack :many
-- Lets parts whose run ended without an outcome, of these kinds or of all if there are none, wait for another one; after so many runs they have
-- failed. Runs that are forgiven do not count.
UPDATE job_parts
SET status = CASE WHEN attempts < @most::integer THEN 'pending' ELSE 'errored' END,
    generation = NULL, queued = NULL, attempts = greatest(attempts - @forgiven::integer, 0),
    error_kind = CASE WHEN attempts < @most::integer THEN '' ELSE 'internal' END,
    error_text = CASE WHEN attempts < @most::integer THEN '' ELSE @error_text::text END,
    remedy = CASE WHEN attempts < @most::integer THEN '' ELSE @remedy::text END,
    completed = CASE WHEN attempts < @most::integer THEN NULL ELSE clock_timestamp() END
WHERE endpoint_id = ANY (@endpoint_ids::integer[]) AND status = 'running' AND (cardinality(@kinds::text[]) = 0 OR kind = ANY (@kinds::text[]))
RETURNING job_id, endpoint_id, endpoint_name, kind, status;

-- name: JobPartsRefuse :many
-- Fails what waits for an endpoint that cannot be read now, and was asked for by a time if there is one.
UPDATE job_parts
SET status = @status, error_kind = @error_kind, error_text = @error_text, remedy = @remedy, completed = clock_timestamp()
WHERE endpoint_id = @endpoint_id AND status = 'pending'
  AND (sqlc.narg(asked_by)::timestamptz IS NULL OR job_id IN (SELECT j.id FROM jobs j WHERE j.created <= sqlc.narg(asked_by)::timestamptz))
RETURNING job_id, endpoint_name, kind;

-- name: JobPartsForsaken :many
-- Fails parts that nobody will ever take: their endpoint is gone, or no poller of its site has begun any run for a long time.
UPDATE job_parts p
SET status = 'errored', error_kind = 'internal', completed = clock_timestamp(),
    error_text = CASE WHEN f.site IS NULL THEN 'the endpoint was deleted'
        ELSE 'no poller of site ' || f.site || ' began any run for ' || @patience_text::text END,
    remedy = CASE WHEN f.site IS NULL THEN '' ELSE 'look whether the pollers of site ' || f.site || ' run and reach NATS, and at their logs' END
FROM (
    SELECT w.job_id, w.endpoint_id, w.kind, e.site
    FROM job_parts w JOIN jobs j ON j.id = w.job_id LEFT JOIN endpoints e ON e.id = w.endpoint_id
    WHERE w.status = 'pending' AND (e.id IS NULL OR j.created < now() - @patience::interval AND NOT EXISTS (
        SELECT FROM endpoints o JOIN sync_states s ON s.endpoint_id = o.id
        WHERE o.site = e.site AND s.last_attempt > now() - @patience::interval))
) f
WHERE p.job_id = f.job_id AND p.endpoint_id = f.endpoint_id AND p.kind = f.kind AND p.status = 'pending'
RETURNING p.job_id, p.endpoint_id, p.endpoint_name, p.kind, p.error_text;

-- name: JobPartsQueue :many
-- The endpoints for which a task is to be put on the queue: something waits that has no task, or had one for too long. With alone set, of this
-- endpoint alone, whatever tasks it had. Endpoints that are being read get theirs when that is over. Repeated says that there was a task for all of it.
WITH due AS (
    SELECT p.endpoint_id, min(p.job_id) AS job_id, (@alone::integer = 0 AND bool_and(p.queued IS NOT NULL))::boolean AS repeated
    FROM job_parts p
    WHERE p.status = 'pending' AND CASE WHEN @alone::integer > 0 THEN p.endpoint_id = @alone::integer
        ELSE p.queued IS NULL OR p.queued < now() - @again::interval END
      AND NOT EXISTS (
          SELECT FROM endpoint_states s
          WHERE s.endpoint_id = p.endpoint_id AND cardinality(s.claim_pending) > 0 AND s.claim_expires_at > now())
    GROUP BY p.endpoint_id
), marked AS (
    UPDATE job_parts p SET queued = now() FROM due d WHERE p.endpoint_id = d.endpoint_id AND p.status = 'pending'
)
SELECT e.id, e.site, j.job_id, d.repeated
FROM due d JOIN endpoints e ON e.id = d.endpoint_id JOIN jobs j ON j.id = d.job_id
ORDER BY e.id;

-- name: JobsDone :many
-- Jobs that are under way although no part of theirs is: whoever settled the last one did not get to end them.
SELECT j.id FROM jobs j
WHERE j.status IN ('pending', 'running') AND NOT EXISTS (SELECT FROM job_parts p WHERE p.job_id = j.id AND p.status IN ('pending', 'running'))
ORDER BY j.id;

-- name: JobsForget :execrows
-- Deletes jobs, with their parts and logs, that ended long ago.
DELETE FROM jobs WHERE id IN (SELECT j.id FROM jobs j WHERE j.completed < now() - @retention::interval ORDER BY j.completed LIMIT @batch);
