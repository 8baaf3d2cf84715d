-- name: EndpointConnection :one
-- Where an endpoint is and how pollers connect to it, with the identity that was pinned.
SELECT e.name, e.domain, e.ip_address, e.port, e.username, e.token_name, e.sealed_credentials, e.verify_ssl, e.fingerprints, e.ca_certificate, e.site,
    coalesce(s.cluster_name, '') AS cluster_name, coalesce(s.standalone, false) AS standalone
FROM endpoints e LEFT JOIN endpoint_states s ON s.endpoint_id = e.id
WHERE e.id = @id;

-- name: EndpointIdentity :one
-- Which cluster an endpoint is, and which one answered last instead. To be read under the lock of the endpoint.
SELECT cluster_name, standalone, other_name, other_standalone FROM endpoint_states WHERE endpoint_id = @endpoint_id;

-- name: EndpointIdentityAccept :exec
-- The endpoint is what answered last, and scheduled polls no longer wait for it to be what it was.
UPDATE endpoint_states
SET cluster_name = other_name, standalone = other_standalone, other_name = '', other_standalone = false, other_seen = NULL, failures = 0, next_attempt_at = NULL
WHERE endpoint_id = @endpoint_id;

-- name: DigestsForget :exec
-- The next poll compares row by row.
UPDATE sync_states SET digest = NULL WHERE endpoint_id = @endpoint_id AND digest IS NOT NULL;

-- name: RoutinesStale :exec
-- All active routines of an endpoint become stale. Their versions are counted with their change rows.
UPDATE backup_routines r
SET status = 'stale', stale_since = @at::timestamptz, next_run = NULL,
    last_seen = CASE WHEN r.seen THEN (SELECT s.last_seen FROM sync_states s WHERE s.endpoint_id = r.endpoint_id AND s.kind = 'backup_routine') ELSE r.last_seen END
WHERE r.endpoint_id = @endpoint_id AND r.status = 'active';

-- name: ReplicationsStale :exec
-- As RoutinesStale.
UPDATE replications r
SET status = 'stale', stale_since = @at::timestamptz,
    last_seen = CASE WHEN r.seen THEN (SELECT s.last_seen FROM sync_states s WHERE s.endpoint_id = r.endpoint_id AND s.kind = 'replication') ELSE r.last_seen END
WHERE r.endpoint_id = @endpoint_id::integer AND r.status = 'active';

-- name: EndpointZones :many
-- The zones in which clusters read their schedules: as set by hand, else as the cluster told it, else ''. In the order of their endpoints' names.
SELECT e.id::bigint AS id, e.name, coalesce(nullif(e.time_zone, ''), s.time_zone, '')::text AS zone
FROM endpoints e LEFT JOIN endpoint_states s ON s.endpoint_id = e.id WHERE e.id = ANY(@ids::bigint[])
ORDER BY e.name, e.id;
