-- name: ScopeGet :one
-- Which cluster the names and numbers of an endpoint's jobs belong to: its own, whatever a user linked it to.
SELECT p.id AS proxmox_cluster_id, c.id AS cluster_id
FROM proxmox_clusters p JOIN clusters c ON c.endpoint_id = p.endpoint_id
WHERE p.endpoint_id = @endpoint_id;

-- name: ClusterCreate :one
INSERT INTO clusters (name, endpoint_id) VALUES (@name, @endpoint_id::integer)
ON CONFLICT (endpoint_id) DO UPDATE SET name = excluded.name
RETURNING id;

-- name: ProxmoxClusterPut :one
INSERT INTO proxmox_clusters AS p (endpoint_id, cluster_id, name, mode) VALUES (@endpoint_id, @cluster_id::integer, @name, @mode)
ON CONFLICT (endpoint_id) DO UPDATE SET cluster_id = coalesce(p.cluster_id, excluded.cluster_id), name = excluded.name, mode = excluded.mode
RETURNING id;

-- name: NodeNames :many
SELECT id, name FROM nodes WHERE endpoint_id = @endpoint_id;

-- name: NodePlaceholders :many
INSERT INTO nodes (endpoint_id, proxmox_cluster_id, name, present)
SELECT @endpoint_id, @proxmox_cluster_id::integer, unnest(@names::text[]), false
RETURNING id, name;

-- name: StorageNames :many
SELECT id, name FROM storages WHERE cluster_id = @cluster_id;

-- name: StoragePlaceholders :many
INSERT INTO storages (cluster_id, name, present)
SELECT @cluster_id, unnest(@names::text[]), false
RETURNING id, name;

-- name: GuestsByVmid :many
SELECT id, vmid, name, node_id FROM virtual_machines WHERE cluster_id = @cluster_id AND vmid = ANY (@vmids::bigint[]);

-- name: GuestPlaceholders :many
INSERT INTO virtual_machines (cluster_id, vmid, name, status, present, placeholder)
SELECT @cluster_id, x.vmid, 'VM ' || x.vmid, 'offline', false, true FROM (SELECT unnest(@vmids::bigint[]) AS vmid) x
RETURNING id, vmid, name;

-- name: CustomFieldDefaults :one
-- What a new object of a type has in its custom fields.
SELECT custom_field_defaults(@object_type)::jsonb AS custom_fields;
