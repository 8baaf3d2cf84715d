-- name: NodeRows :many
SELECT * FROM nodes WHERE endpoint_id = @endpoint_id;

-- name: StorageRows :many
SELECT * FROM storages WHERE cluster_id = @cluster_id;

-- name: GuestRows :many
SELECT * FROM virtual_machines WHERE cluster_id = @cluster_id AND vmid IS NOT NULL;

-- name: NodeInsert :batchone
INSERT INTO nodes (endpoint_id, proxmox_cluster_id, name, node_id, online, ip_address, ssl_fingerprint, max_cpu, max_memory, present)
VALUES (@endpoint_id, @proxmox_cluster_id, @name, @node_id, @online, @ip_address, @ssl_fingerprint, @max_cpu, @max_memory, @present)
RETURNING id;

-- name: NodeUpdate :batchexec
UPDATE nodes SET proxmox_cluster_id = @proxmox_cluster_id, node_id = @node_id, online = @online, ip_address = @ip_address,
    ssl_fingerprint = @ssl_fingerprint, max_cpu = @max_cpu, max_memory = @max_memory, present = @present, last_updated = @last_updated
WHERE id = @id;

-- name: StorageCopy :copyfrom
INSERT INTO storages (cluster_id, name, storage_type, content, nodes, shared, enabled, present, raw_config)
VALUES (@cluster_id, @name, @storage_type, @content, @nodes, @shared, @enabled, @present, @raw_config);

-- name: StorageUpdate :batchexec
UPDATE storages SET storage_type = @storage_type, content = @content, nodes = @nodes, shared = @shared, enabled = @enabled, present = @present,
    raw_config = @raw_config, last_updated = @last_updated
WHERE id = @id;

-- name: GuestCopy :copyfrom
INSERT INTO virtual_machines (name, cluster_id, vmid, vm_type, node_id, status, template, pool, proxmox_tags, vcpus, memory, disk, present)
VALUES (@name, @cluster_id, @vmid, @vm_type, @node_id, @status, @template, @pool, @proxmox_tags, @vcpus, @memory, @disk, @present);

-- name: GuestUpdate :batchexec
UPDATE virtual_machines SET name = @name, vm_type = @vm_type, node_id = @node_id, status = @status, template = @template, pool = @pool,
    proxmox_tags = @proxmox_tags, vcpus = @vcpus, memory = @memory, disk = @disk, present = @present, placeholder = @placeholder,
    last_updated = @last_updated
WHERE id = @id;

-- name: ClusterRename :exec
UPDATE clusters SET name = @name, last_updated = @at::timestamptz WHERE id = @id AND name <> @name;

-- name: ProxmoxClusterUpdate :exec
UPDATE proxmox_clusters SET name = @name, mode = @mode, version = @version, last_updated = @at::timestamptz
WHERE id = @id AND (name, mode, version) IS DISTINCT FROM (@name, @mode, @version);

-- name: EndpointTold :exec
UPDATE endpoint_states SET pve_version = @pve_version, time_zone = @time_zone
WHERE endpoint_id = @endpoint_id AND (pve_version, time_zone) IS DISTINCT FROM (@pve_version, @time_zone);
