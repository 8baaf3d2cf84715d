-- name: RoutineHeads :many
SELECT id, job_id, content_hash, status, seen FROM backup_routines WHERE endpoint_id = @endpoint_id;

-- name: RoutineRows :many
SELECT sqlc.embed(r),
       coalesce((SELECT array_agg(t.name ORDER BY t.name) FROM tagged_items i JOIN tags t ON t.id = i.tag_id
                 WHERE i.object_type_id = 1 AND i.object_id = r.id), '{}')::text[] AS tags
FROM backup_routines r WHERE r.id = ANY (@ids::integer[]);

-- name: RoutineConfigs :many
SELECT id, raw_config FROM backup_routines WHERE id = ANY (@ids::integer[]);

-- name: RoutineIDs :many
SELECT nextval('backup_routines_id_seq')::integer AS id FROM generate_series(1, @n::integer);

-- name: RoutineCopy :copyfrom
INSERT INTO backup_routines (
    id, endpoint_id, job_id, enabled, schedule, next_run, node_id, storage_id, selection, comment, status, keep_last, keep_daily, keep_weekly,
    keep_monthly, keep_yearly, keep_all, notes_template, bwlimit, zstd, io_workers, fleecing, fleecing_storage_id, repeat_missed,
    pbs_change_detection_mode, raw_config, selection_mode, exclude, pool, mode, compress, keep_hourly, custom_field_data, created, last_updated,
    version, content_hash, seen, last_seen, stale_since
) VALUES (
    @id, @endpoint_id, @job_id, @enabled, @schedule, @next_run, @node_id, @storage_id, @selection, @comment, @status, @keep_last, @keep_daily,
    @keep_weekly, @keep_monthly, @keep_yearly, @keep_all, @notes_template, @bwlimit, @zstd, @io_workers, @fleecing, @fleecing_storage_id,
    @repeat_missed, @pbs_change_detection_mode, @raw_config, @selection_mode, @exclude, @pool, @mode, @compress, @keep_hourly,
    @custom_field_data, @created, @last_updated, @version, @content_hash, @seen, @last_seen, @stale_since
);

-- name: RoutineUpdate :batchone
-- Writes what a snapshot says about one routine. No row comes back when a writer without the endpoint's lock was
-- faster: version is the one that was read.
UPDATE backup_routines SET
    job_id = @job_id, enabled = @enabled, schedule = @schedule, next_run = @next_run, node_id = @node_id, storage_id = @storage_id,
    selection = @selection, comment = @comment, status = @status, keep_last = @keep_last, keep_daily = @keep_daily, keep_weekly = @keep_weekly,
    keep_monthly = @keep_monthly, keep_yearly = @keep_yearly, keep_all = @keep_all, notes_template = @notes_template, bwlimit = @bwlimit,
    zstd = @zstd, io_workers = @io_workers, fleecing = @fleecing, fleecing_storage_id = @fleecing_storage_id, repeat_missed = @repeat_missed,
    pbs_change_detection_mode = @pbs_change_detection_mode, raw_config = @raw_config, selection_mode = @selection_mode, exclude = @exclude,
    pool = @pool, mode = @mode, compress = @compress, keep_hourly = @keep_hourly, last_updated = @last_updated, version = version + 1,
    content_hash = @content_hash, seen = @seen, stale_since = @stale_since
WHERE id = @id AND version = @version
RETURNING id;

-- name: RoutineConfirm :exec
-- The rows hold what the snapshot says already: only their hashes are new.
UPDATE backup_routines r SET content_hash = x.content_hash, seen = true
FROM (SELECT unnest(@ids::integer[]) AS id, unnest(@hashes::bytea[]) AS content_hash) x WHERE r.id = x.id;

-- name: RoutineStale :execrows
UPDATE backup_routines
SET status = 'stale', stale_since = @at::timestamptz, last_seen = CASE WHEN seen THEN sqlc.narg(last_seen)::timestamptz END, next_run = NULL,
    version = version + 1, last_updated = @at
WHERE id = ANY (@ids::integer[]) AND status = 'active';

-- name: RoutinePassed :many
-- Routines whose next run is over, so that Proxmox has a later one by now.
SELECT id, job_id, next_run FROM backup_routines WHERE endpoint_id = @endpoint_id AND next_run <= @at::timestamptz;

-- name: RoutineNextRun :batchexec
UPDATE backup_routines SET next_run = @next_run WHERE id = @id;

-- name: RoutineComputed :many
-- Active routines whose next run is computed here, as Proxmox tells none for lines of the old cron file.
SELECT id, schedule FROM backup_routines
WHERE endpoint_id = @endpoint_id AND status = 'active' AND seen AND enabled AND NOT raw_config ? 'type';
