-- name: ScheduleWanted :many
SELECT id, site, poll_interval FROM endpoints WHERE enabled AND poll_interval > 0;

-- name: WatchLate :many
-- Endpoints that should have been read by now, those that wait longest first. A tick may be lost, and a new endpoint need not wait for one.
-- Those whose claim holds or that back off are left alone.
SELECT e.id, e.site
FROM endpoints e
LEFT JOIN endpoint_states s ON s.endpoint_id = e.id
LEFT JOIN (
    SELECT endpoint_id, max(last_attempt) AS last_attempt FROM sync_states WHERE kind <> 'inventory' GROUP BY endpoint_id
) a ON a.endpoint_id = e.id
WHERE e.enabled AND e.poll_interval > 0
  AND (a.last_attempt IS NULL OR a.last_attempt < now() - 2 * e.poll_interval * interval '1 second')
  AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= now())
  AND NOT coalesce(cardinality(s.claim_pending) > 0 AND s.claim_expires_at > now(), false)
ORDER BY a.last_attempt NULLS FIRST, e.id
LIMIT @batch;

-- name: WatchSilent :many
-- Locks endpoints whose claim ran out with kinds that have no outcome. One that is being written is left for the next time.
SELECT e.id
FROM endpoints e JOIN endpoint_states s ON s.endpoint_id = e.id
WHERE cardinality(s.claim_pending) > 0 AND s.claim_expires_at <= now()
ORDER BY e.id
LIMIT @batch
FOR NO KEY UPDATE OF e SKIP LOCKED;

-- name: WatchFail :many
-- Gives the kinds of claims that ran out an outcome, and lets the endpoints rest as any failure does: the poll interval doubled with every
-- failure in a row, an hour at most, less up to half of it by chance. The locks of the endpoints are held, and the claims read again.
WITH silent AS (
    SELECT s.endpoint_id, s.claim_pending, s.claimed_by, s.issued_generation
    FROM endpoint_states s
    WHERE s.endpoint_id = ANY (@ids::integer[]) AND cardinality(s.claim_pending) > 0 AND s.claim_expires_at <= now()
), failed AS (
    INSERT INTO sync_states AS k (endpoint_id, kind, status, since, error_kind, error_text, remedy, missing_privilege, warnings)
    SELECT endpoint_id, unnest(claim_pending), 'failing', now(), 'internal',
           'poller ' || claimed_by || ' took run ' || issued_generation || ' and went silent: it brought no result before its claim ran out',
           'look whether this poller runs and reaches NATS, and at its log; another run follows by itself', '', '[]'
    FROM silent
    ON CONFLICT (endpoint_id, kind) DO UPDATE SET
        status = excluded.status, since = CASE WHEN k.status = excluded.status THEN k.since ELSE excluded.since END,
        error_kind = excluded.error_kind, error_text = excluded.error_text, remedy = excluded.remedy,
        missing_privilege = excluded.missing_privilege, warnings = excluded.warnings
)
UPDATE endpoint_states s
SET claim_pending = '{}', failures = s.failures + 1,
    next_attempt_at = now() + interval '1 second' * (0.5 + random() / 2)
        * least(3600, (CASE e.poll_interval WHEN 0 THEN 60 ELSE e.poll_interval END) * 2.0 ^ least(s.failures, 12))
FROM silent, endpoints e
WHERE s.endpoint_id = silent.endpoint_id AND e.id = silent.endpoint_id
RETURNING s.endpoint_id, silent.claimed_by, silent.claim_pending;
