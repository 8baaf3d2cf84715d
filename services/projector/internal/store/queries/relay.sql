-- name: RelayStateLock :one
-- Who numbers changes holds this lock until the commit: that is what makes positions gapless.
SELECT last_position FROM relay_state FOR UPDATE;

-- name: RelayNumber :one
-- Gives the next positions to the oldest changes of the outbox, and returns how far positions go now. Changes of one object commit in the
-- order of their ids, as the writers of an endpoint wait for each other, so a position never overtakes one of the same object.
WITH edge AS (
    SELECT coalesce((SELECT o.change_id FROM outbox o ORDER BY o.change_id OFFSET sqlc.arg(batch)::integer - 1 LIMIT 1), 9223372036854775807) AS change_id
), taken AS (
    DELETE FROM outbox WHERE change_id <= (SELECT e.change_id FROM edge e)
    RETURNING change_id
), numbered AS (
    INSERT INTO event_positions (position, change_id)
    SELECT sqlc.arg(last_position)::bigint + row_number() OVER (ORDER BY change_id), change_id FROM taken
    RETURNING position
)
UPDATE relay_state SET last_position = last_position + (SELECT count(*) FROM numbered)
RETURNING last_position;

-- name: RelayPublished :exec
UPDATE relay_state SET published_position = @position WHERE published_position < @position;

-- name: RelayState :one
SELECT last_position, published_position FROM relay_state;

-- name: RelayLead :one
-- Held as long as the connection lives. Waiting for it inside Postgres would hold back vacuum for as long, so those that follow ask again.
SELECT pg_try_advisory_lock(hashtext('proxops relay')::bigint) AS leading;

-- name: RelayPending :one
-- What there is to do. Cheap enough to be asked many times a second.
SELECT last_position, EXISTS (SELECT FROM outbox) AS waiting FROM relay_state;

-- name: RelayEvents :many
SELECT p.position, c.id, c.time, c.object_type_id, c.object_id, c.endpoint_id, c.event, c.version, c.key, c.status, c.changed, c.cause, c.prechange,
       c.postchange
FROM event_positions p JOIN changes c ON c.id = p.change_id
WHERE p.position > @after AND p.position <= @upto
ORDER BY p.position
LIMIT @batch;

-- name: RelayIdentity :one
-- What a message at this position must carry.
SELECT c.id, c.time, c.object_type_id, c.object_id, c.version
FROM event_positions p JOIN changes c ON c.id = p.change_id
WHERE p.position = @position;

-- name: RelayRefillFrom :one
-- Where a stream that lost the messages after a position starts again: at the first change that is younger than what the stream keeps, if
-- from there on every change is still in the log. One more than the last published position when nothing is to be published again.
SELECT greatest(
    sqlc.arg(after)::bigint + 1,
    (SELECT max(p.position) + 1 FROM event_positions p
     WHERE p.position > @after AND p.position <= @published AND NOT EXISTS (SELECT FROM changes c WHERE c.id = p.change_id)),
    coalesce(
        (SELECT min(p.position) FROM event_positions p JOIN changes c ON c.id = p.change_id
         WHERE p.position > @after AND p.position <= @published AND c.time > @oldest),
        sqlc.arg(published)::bigint + 1
    )
)::bigint AS position;

-- name: RelayEndpoints :many
SELECT id, name, domain, ip_address FROM endpoints WHERE id = ANY (@ids::integer[]);

-- name: RelayNodes :many
SELECT id, name, node_id, online FROM nodes WHERE id = ANY (@ids::integer[]);

-- name: RelayStorages :many
SELECT s.id, s.name, s.cluster_id, c.name AS cluster_name FROM storages s JOIN clusters c ON c.id = s.cluster_id WHERE s.id = ANY (@ids::integer[]);

-- name: RelayVirtualMachines :many
SELECT id, name FROM virtual_machines WHERE id = ANY (@ids::integer[]);

-- name: RelayTags :many
SELECT id, name, slug, color, weight FROM tags WHERE name = ANY (@names::text[]);

-- name: RelayPastTags :many
-- What tags with these names were before changes of theirs that came after a change.
SELECT c.id AS until, c.object_id AS id, (c.prechange ->> 'name')::text AS name, coalesce(c.prechange ->> 'slug', '')::text AS slug,
       coalesce(c.prechange ->> 'color', '')::text AS color,
       coalesce((c.prechange ->> 'weight')::integer, 1000)::integer AS weight
FROM changes c
WHERE c.object_type_id = @object_type AND c.id > @after AND c.prechange ->> 'name' = ANY (@names::text[])
ORDER BY c.id;

-- name: RelayCustomFields :many
-- The custom fields of jobs, in the order in which objects show them.
SELECT o.object_type_id, f.name FROM custom_field_object_types o JOIN custom_fields f ON f.id = o.custom_field_id
WHERE o.object_type_id = ANY (@object_types::integer[])
ORDER BY f.group_name, f.weight, f.name;

-- name: RelayRoutinesCreated :many
SELECT id, created FROM backup_routines WHERE id = ANY (@ids::integer[]);

-- name: RelayReplicationsCreated :many
SELECT id, created FROM replications WHERE id = ANY (@ids::integer[]);

-- name: RelayFirstChanges :many
-- When jobs were made that are gone by now.
SELECT object_id, time FROM changes WHERE object_type_id = @object_type AND object_id = ANY (@ids::integer[]) AND version = 1;
