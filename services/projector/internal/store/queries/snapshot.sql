-- name: SnapshotState :one
-- What decides whether a snapshot is applied, and how. To be read under the lock of the endpoint.
SELECT s.issued_generation, s.cluster_name, s.standalone, s.time_zone, s.pve_version,
       coalesce(k.applied_generation, 0)::bigint AS applied_generation, k.digest, k.last_seen, clock_timestamp()::timestamptz AS now
FROM endpoint_states s LEFT JOIN sync_states k ON k.endpoint_id = s.endpoint_id AND k.kind = @kind
WHERE s.endpoint_id = @endpoint_id;

-- name: SnapshotApplied :one
-- Pins the identity with the first snapshot, forgets that another cluster answered, and failures when a job list was read. Warnings stay: the report
-- of the run brings them, before or after. It returns whether the run is over with this and sync jobs wait for another one.
WITH claim AS (
    UPDATE endpoint_states
    SET claim_pending = array_remove(claim_pending, @kind::text), cluster_name = @cluster_name, standalone = @standalone,
        other_name = '', other_standalone = false, other_seen = NULL,
        failures = CASE WHEN @recovered::boolean THEN 0 ELSE failures END,
        next_attempt_at = CASE WHEN @recovered::boolean THEN NULL ELSE next_attempt_at END
    WHERE endpoint_states.endpoint_id = @endpoint_id::integer
    RETURNING cardinality(claim_pending) = 0 AS over
)
INSERT INTO sync_states AS s (endpoint_id, kind, applied_generation, digest, object_count, last_seen, status, since)
VALUES (@endpoint_id::integer, @kind::text, @generation, @digest, @object_count, @at::timestamptz, 'ok', @at::timestamptz)
ON CONFLICT (endpoint_id, kind) DO UPDATE SET
    applied_generation = excluded.applied_generation, digest = excluded.digest, object_count = excluded.object_count,
    last_seen = excluded.last_seen, status = 'ok', since = CASE WHEN s.status = 'ok' THEN s.since ELSE excluded.since END,
    error_kind = '', error_text = '', remedy = '', missing_privilege = ''
RETURNING (coalesce((SELECT c.over FROM claim c), false)
    AND EXISTS (SELECT FROM job_parts p WHERE p.endpoint_id = @endpoint_id::integer AND p.status = 'pending'))::boolean AS waiting;
