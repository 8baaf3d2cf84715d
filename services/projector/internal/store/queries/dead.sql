-- name: DeadTaskFail :execrows
-- Says on these kinds of an endpoint why nothing was read, unless something was read since, or is being read.
INSERT INTO sync_states AS k (endpoint_id, kind, status, since, error_kind, error_text, remedy)
SELECT @endpoint_id, t.kind, 'failing', now(), 'internal', @error_text, @remedy
FROM (SELECT unnest(@kinds::text[]) AS kind) t
WHERE NOT EXISTS (
    SELECT FROM endpoint_states s
    WHERE s.endpoint_id = @endpoint_id AND t.kind = ANY (s.claim_pending) AND s.claim_expires_at > now()
)
ON CONFLICT (endpoint_id, kind) DO UPDATE SET
    status = excluded.status, since = CASE WHEN k.status = excluded.status THEN k.since ELSE excluded.since END,
    error_kind = excluded.error_kind, error_text = excluded.error_text, remedy = excluded.remedy, missing_privilege = ''
WHERE greatest(k.last_seen, k.last_attempt) IS NULL OR greatest(k.last_seen, k.last_attempt) < @given_up::timestamptz;
