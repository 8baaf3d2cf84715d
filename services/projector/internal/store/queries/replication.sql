-- name: ReplicationHeads :many
SELECT id, replication_id, content_hash, status, seen FROM replications WHERE endpoint_id = @endpoint_id::integer;

-- name: ReplicationRows :many
SELECT sqlc.embed(r), v.name AS guest_name,
       coalesce((SELECT array_agg(t.name ORDER BY t.name) FROM tagged_items i JOIN tags t ON t.id = i.tag_id
                 WHERE i.object_type_id = 2 AND i.object_id = r.id), '{}')::text[] AS tags
FROM replications r JOIN virtual_machines v ON v.id = r.virtual_machine_id WHERE r.id = ANY (@ids::integer[]);

-- name: ReplicationIDs :many
SELECT nextval('replications_id_seq')::integer AS id FROM generate_series(1, @n::integer);

-- name: ReplicationCopy :copyfrom
INSERT INTO replications (
    id, endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, target_node_id, guest, target, job_type, schedule, rate, comment,
    disable, source, jobnum, remove_job, status, raw_config, custom_field_data, created, last_updated, version, content_hash, seen, last_seen,
    stale_since
) VALUES (
    @id, @endpoint_id, @replication_id, @virtual_machine_id, @proxmox_node_id, @target_node_id, @guest, @target, @job_type, @schedule, @rate,
    @comment, @disable, @source, @jobnum, @remove_job, @status, @raw_config, @custom_field_data, @created, @last_updated, @version,
    @content_hash, @seen, @last_seen, @stale_since
);

-- name: ReplicationUpdate :batchone
-- Writes what a snapshot says about one replication. No row comes back when a writer without the endpoint's lock was
-- faster: version is the one that was read.
UPDATE replications SET
    virtual_machine_id = @virtual_machine_id, proxmox_node_id = @proxmox_node_id, target_node_id = @target_node_id, guest = @guest,
    target = @target, job_type = @job_type, schedule = @schedule, rate = @rate, comment = @comment, disable = @disable, source = @source,
    jobnum = @jobnum, remove_job = @remove_job, status = @status, raw_config = @raw_config, last_updated = @last_updated, version = version + 1,
    content_hash = @content_hash, seen = @seen, stale_since = @stale_since
WHERE id = @id AND version = @version
RETURNING id;

-- name: ReplicationConfirm :exec
-- The rows hold what the snapshot says already: only their hashes are new.
UPDATE replications r SET content_hash = x.content_hash, seen = true
FROM (SELECT unnest(@ids::integer[]) AS id, unnest(@hashes::bytea[]) AS content_hash) x WHERE r.id = x.id;

-- name: ReplicationStale :execrows
UPDATE replications
SET status = 'stale', stale_since = @at::timestamptz, last_seen = CASE WHEN seen THEN sqlc.narg(last_seen)::timestamptz END,
    version = version + 1, last_updated = @at
WHERE id = ANY (@ids::integer[]) AND status = 'active';

-- name: ReplicationsWithoutSource :many
-- Active replications that do not say where their guest runs, and are not linked to the node where the inventory has it.
SELECT r.id FROM replications r JOIN virtual_machines v ON v.id = r.virtual_machine_id
WHERE r.endpoint_id = @endpoint_id::integer AND r.status = 'active' AND r.seen AND r.source = '' AND v.node_id IS NOT NULL
  AND r.proxmox_node_id IS DISTINCT FROM v.node_id;

-- name: GuestNodes :many
SELECT r.id, v.node_id FROM replications r JOIN virtual_machines v ON v.id = r.virtual_machine_id WHERE r.id = ANY (@ids::integer[]);
