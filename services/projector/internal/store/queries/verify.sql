-- name: VerifyVersions :many
-- Objects whose changes are not numbered 1, 2, 3 ...
SELECT object_type_id, object_id, count(*) AS changes, min(version)::integer AS first, max(version)::integer AS last
FROM changes WHERE version IS NOT NULL
GROUP BY object_type_id, object_id
HAVING min(version) <> 1 OR max(version) <> count(*);

-- name: VerifyRows :many
-- Jobs whose row does not fit their last change. Syncs that never began or ended have a row without changes; those that ended are deleted some day,
-- which is no change.
SELECT coalesce(c.object_type_id, j.object_type_id)::integer AS object_type_id, coalesce(c.object_id, j.id)::integer AS object_id,
       coalesce(j.version, 0)::integer AS row_version, coalesce(c.version, 0)::integer AS change_version, coalesce(c.event, '')::text AS event
FROM (
    SELECT 1 AS object_type_id, b.id, b.version FROM backup_routines b
    UNION ALL SELECT 2, r.id, r.version FROM replications r
    UNION ALL SELECT 19, s.id, s.version FROM jobs s WHERE s.version > 0 OR s.status NOT IN ('pending', 'scheduled')
) j
FULL JOIN (
    SELECT DISTINCT ON (l.object_type_id, l.object_id) l.object_type_id, l.object_id, l.version, l.event
    FROM changes l WHERE l.version IS NOT NULL
    ORDER BY l.object_type_id, l.object_id, l.version DESC
) c ON c.object_type_id = j.object_type_id AND c.object_id = j.id
WHERE j.version IS DISTINCT FROM CASE c.event WHEN 'deleted' THEN NULL ELSE c.version END
  AND NOT (j.id IS NULL AND c.object_type_id = 19 AND c.event IN ('completed', 'failed'));

-- name: VerifyState :one
SELECT last_position, published_position, (SELECT count(*) FROM outbox) AS waiting, (SELECT count(*) FROM event_positions) AS positions,
       (SELECT coalesce(min(position), 0) FROM event_positions)::bigint AS first, (SELECT coalesce(max(position), 0) FROM event_positions)::bigint AS last
FROM relay_state;

-- name: VerifyGaps :many
SELECT p.position FROM event_positions p
WHERE p.position > 1 AND NOT EXISTS (SELECT FROM event_positions b WHERE b.position = p.position - 1)
ORDER BY p.position;

-- name: VerifyUnnumbered :many
-- Changes that must be published but have neither a position nor a place in the outbox, or both, and changes that have one of them but must not
-- be published.
SELECT c.id, (p.change_id IS NOT NULL)::boolean AS numbered, (o.change_id IS NOT NULL)::boolean AS waits
FROM changes c
LEFT JOIN event_positions p ON p.change_id = c.id
LEFT JOIN outbox o ON o.change_id = c.id
WHERE (c.event IS NOT NULL)::integer <> (p.change_id IS NOT NULL)::integer + (o.change_id IS NOT NULL)::integer
ORDER BY c.id;

-- name: VerifyOrder :many
-- Changes of an object whose position is not after that of the version before.
SELECT t.object_type_id, t.object_id, t.version, t.position FROM (
    SELECT c.object_type_id, c.object_id, c.version, p.position,
           lag(p.position) OVER (PARTITION BY c.object_type_id, c.object_id ORDER BY c.version) AS before
    FROM event_positions p JOIN changes c ON c.id = p.change_id
) t WHERE t.position <= t.before
ORDER BY t.position;

-- name: VerifyUnpublished :many
-- Jobs with changes after a position: the stream cannot tell their last state yet.
SELECT DISTINCT c.object_type_id, c.object_id
FROM changes c
WHERE c.id IN (SELECT o.change_id FROM outbox o UNION ALL SELECT p.change_id FROM event_positions p WHERE p.position > @after);

-- name: VerifyRoutines :many
-- Rows as their flat states are written. next_run is left out: it moves by itself.
SELECT b.id, b.version, to_json(jsonb_build_object(
    'endpoint', b.endpoint_id, 'job_id', b.job_id, 'enabled', b.enabled, 'schedule', b.schedule, 'node', b.node_id, 'storage', b.storage_id,
    'selection', b.selection, 'comment', b.comment, 'status', b.status, 'keep_last', b.keep_last, 'keep_daily', b.keep_daily,
    'keep_weekly', b.keep_weekly, 'keep_monthly', b.keep_monthly, 'keep_yearly', b.keep_yearly, 'keep_all', b.keep_all,
    'notes_template', b.notes_template, 'bwlimit', b.bwlimit, 'zstd', b.zstd, 'io_workers', b.io_workers, 'fleecing', b.fleecing,
    'fleecing_storage', b.fleecing_storage_id, 'repeat_missed', b.repeat_missed, 'pbs_change_detection_mode', b.pbs_change_detection_mode,
    'raw_config', b.raw_config, 'custom_fields', b.custom_field_data)
    || jsonb_build_object('selection_mode', b.selection_mode, 'exclude', b.exclude, 'pool', b.pool, 'mode', b.mode, 'compress', b.compress,
    'keep_hourly', b.keep_hourly, 'stale_since', b.stale_since,
    'tags', (SELECT coalesce(jsonb_agg(t.name), '[]') FROM tagged_items i JOIN tags t ON t.id = i.tag_id WHERE i.object_type_id = 1 AND i.object_id = b.id)
    )) AS state
FROM backup_routines b;

-- name: VerifyReplications :many
SELECT r.id, r.version, to_json(jsonb_build_object(
    'endpoint', r.endpoint_id, 'replication_id', r.replication_id, 'virtual_machine', r.virtual_machine_id, 'proxmox_node', r.proxmox_node_id,
    'target_node', r.target_node_id, 'guest', r.guest, 'target', r.target, 'job_type', r.job_type, 'schedule', r.schedule, 'rate', r.rate,
    'comment', r.comment, 'disable', r.disable, 'source', r.source, 'jobnum', r.jobnum, 'remove_job', r.remove_job, 'status', r.status,
    'raw_config', r.raw_config, 'custom_fields', r.custom_field_data, 'stale_since', r.stale_since,
    'tags', (SELECT coalesce(jsonb_agg(t.name), '[]') FROM tagged_items i JOIN tags t ON t.id = i.tag_id WHERE i.object_type_id = 2 AND i.object_id = r.id)
    )) AS state
FROM replications r;

-- name: VerifySyncs :many
-- Without the user, whom the row forgets when he is deleted, and the types, which rows have under other names. Counts are told by the last event.
SELECT s.id, s.version, to_json(jsonb_build_object(
    'name', s.name, 'status', s.status, 'created', s.created, 'scheduled', s.scheduled, 'interval', s.interval_minutes, 'started', s.started,
    'completed', s.completed, 'endpoints', s.endpoint_ids, 'schedule', s.schedule_id, 'error', s.error, 'job_id', s.job_id,
    'counts', (SELECT jsonb_build_object('created', coalesce(sum(p.created), 0), 'updated', coalesce(sum(p.updated), 0), 'unchanged', coalesce(sum(p.unchanged), 0),
        'stale', coalesce(sum(p.stale), 0), 'reactivated', coalesce(sum(p.reactivated), 0), 'skipped', coalesce(sum(p.skipped), 0))
        FROM job_parts p WHERE p.job_id = s.id AND s.completed IS NOT NULL)
    )) AS state
FROM jobs s WHERE s.version > 0;
