-- name: EndpointLock :one
-- Serialises every writer of what belongs to the endpoint. What it guards is read in a later statement: one that has waited for this lock
-- sees the tables beside endpoints as they were before it waited.
SELECT id, name, domain, ip_address, port, username, token_name, sealed_credentials, verify_ssl, fingerprints, ca_certificate, enabled,
       poll_interval, time_zone, site
FROM endpoints WHERE id = @id
FOR NO KEY UPDATE;

-- name: EndpointStateEnsure :exec
INSERT INTO endpoint_states (endpoint_id) VALUES (@endpoint_id) ON CONFLICT DO NOTHING;

-- name: EndpointStateGet :one
-- With the time of the database, by which claims end: the clocks of projectors may differ.
SELECT issued_generation, claimed_by, claim_expires_at, claim_pending, cluster_name, standalone, time_zone, failures, next_attempt_at,
       clock_timestamp()::timestamptz AS now
FROM endpoint_states WHERE endpoint_id = @endpoint_id;

-- name: ClaimIssue :one
UPDATE endpoint_states
SET issued_generation = issued_generation + 1, claimed_by = @claimed_by, claim_expires_at = @expires_at::timestamptz, claim_pending = @kinds::text[]
WHERE endpoint_id = @endpoint_id
RETURNING issued_generation;

-- name: ClaimSettle :exec
-- The kind has its outcome; the claim ends with the last one.
UPDATE endpoint_states SET claim_pending = array_remove(claim_pending, @kind::text) WHERE endpoint_id = @endpoint_id;

-- name: BackOffSet :exec
UPDATE endpoint_states SET failures = failures + 1, next_attempt_at = @next_attempt_at::timestamptz WHERE endpoint_id = @endpoint_id;

-- name: SyncStateList :many
SELECT kind, applied_generation, last_seen, last_attempt, status FROM sync_states WHERE endpoint_id = @endpoint_id;

-- name: SyncStateAttempt :exec
-- With when the kinds are due again; null for those of an endpoint that is read only when asked.
INSERT INTO sync_states (endpoint_id, kind, last_attempt, next_attempt)
SELECT @endpoint_id, k.kind, @at::timestamptz, CASE WHEN k.kind = 'inventory' THEN sqlc.narg(inventory_due)::timestamptz ELSE sqlc.narg(due)::timestamptz END
FROM (SELECT unnest(@kinds::text[]) AS kind) k
ON CONFLICT (endpoint_id, kind) DO UPDATE SET last_attempt = excluded.last_attempt, next_attempt = excluded.next_attempt;

-- name: SyncStateFail :exec
-- What was applied stays applied. Nothing is written when it is known already.
INSERT INTO sync_states AS s (endpoint_id, kind, status, since, error_kind, error_text, remedy, missing_privilege, warnings)
VALUES (@endpoint_id, @kind, @status, @at::timestamptz, @error_kind, @error_text, @remedy, @missing_privilege, @warnings)
ON CONFLICT (endpoint_id, kind) DO UPDATE SET
    status = excluded.status, since = CASE WHEN s.status = excluded.status THEN s.since ELSE excluded.since END,
    error_kind = excluded.error_kind, error_text = excluded.error_text, remedy = excluded.remedy,
    missing_privilege = excluded.missing_privilege, warnings = excluded.warnings
WHERE (s.status, s.error_kind, s.error_text, s.remedy, s.missing_privilege, s.warnings)
    IS DISTINCT FROM (excluded.status, excluded.error_kind, excluded.error_text, excluded.remedy, excluded.missing_privilege, excluded.warnings);

-- name: SyncStateWarn :exec
-- Of a reading that was published: its status is decided when it is applied.
UPDATE sync_states SET warnings = @warnings
WHERE endpoint_id = @endpoint_id AND kind = @kind AND warnings IS DISTINCT FROM @warnings;

-- name: KnownRoutines :many
SELECT job_id FROM backup_routines WHERE endpoint_id = @endpoint_id AND status = 'active' AND seen;

-- name: KnownReplications :many
SELECT replication_id FROM replications WHERE endpoint_id = @endpoint_id::integer AND status = 'active' AND seen;

-- name: EndpointInterval :one
SELECT poll_interval FROM endpoints WHERE id = @id;

-- name: ClaimOver :one
-- Whether no run holds the endpoint and sync jobs wait for one.
SELECT (cardinality(s.claim_pending) = 0 AND EXISTS (SELECT FROM job_parts p WHERE p.endpoint_id = s.endpoint_id AND p.status = 'pending'))::boolean AS waiting
FROM endpoint_states s WHERE s.endpoint_id = @endpoint_id;
