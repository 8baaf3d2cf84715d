-- name: JobSummaries :many
-- What jobs read, and what came of it so far.
SELECT j.id, j.kinds, cardinality(j.endpoint_ids)::integer AS named, count(p.job_id)::integer AS parts,
    (count(p.job_id) FILTER (WHERE p.status NOT IN ('pending', 'running')))::integer AS done,
    count(DISTINCT p.endpoint_id)::integer AS endpoints, coalesce(min(p.endpoint_name), '')::text AS endpoint,
    coalesce(sum(p.created), 0)::bigint AS created, coalesce(sum(p.updated), 0)::bigint AS updated, coalesce(sum(p.unchanged), 0)::bigint AS unchanged,
    coalesce(sum(p.stale), 0)::bigint AS stale, coalesce(sum(p.reactivated), 0)::bigint AS reactivated, coalesce(sum(p.skipped), 0)::bigint AS skipped
FROM jobs j LEFT JOIN job_parts p ON p.job_id = j.id
WHERE j.id = ANY(@ids::integer[])
GROUP BY j.id;

-- name: StorageNames :many
SELECT id::bigint AS id, name FROM storages WHERE id = ANY(@ids::bigint[]);

-- name: JobEndpoints :many
-- What jobs of a kind are told by: the zone of each of their endpoints, as EndpointZones has it, and when it was last read completely, with how many jobs.
-- That the ids come from a SELECT keeps their number out of the plan, so that it is made once.
SELECT e.id::bigint AS id, coalesce(nullif(e.time_zone, ''), s.time_zone, '')::text AS zone, l.last_seen, coalesce(l.object_count, 0)::integer AS object_count
FROM endpoints e LEFT JOIN endpoint_states s ON s.endpoint_id = e.id LEFT JOIN sync_states l ON l.endpoint_id = e.id AND l.kind = @kind
WHERE e.id = ANY((SELECT @endpoint_ids::bigint[])::bigint[]);

-- Sessions that ended by themselves.
-- name: SessionsForget :exec
DELETE FROM sessions WHERE expiry < now();
