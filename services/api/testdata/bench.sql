INSERT INTO endpoints (name, domain, enabled) SELECT 'site ' || (i * 7919 % 1000) || ' ' || (ARRAY['Berlin','Wien','Zürich','Paris','Oslo'])[1 + i % 5], 'pve' || i || '.example.com', false FROM generate_series(1, 1000) i;
INSERT INTO clusters (name, endpoint_id) SELECT 'cluster-' || id, id FROM endpoints;
INSERT INTO proxmox_clusters (name, endpoint_id, cluster_id) SELECT 'cluster-' || id, id, id FROM endpoints;
INSERT INTO nodes (endpoint_id, proxmox_cluster_id, name, node_id, online) SELECT e, e, 'pve-node-' || lpad(n::text, 2, '0'), n, true FROM generate_series(1, 1000) e, generate_series(1, 3) n;
INSERT INTO storages (cluster_id, name, storage_type) SELECT c, (ARRAY['local','backup-nfs','pbs-main'])[n], (ARRAY['dir','nfs','pbs'])[n] FROM generate_series(1, 1000) c, generate_series(1, 3) n;
INSERT INTO virtual_machines (name, cluster_id, vmid, vm_type, node_id, pool)
  SELECT (ARRAY['web','db','mail','app','proxy','ldap','build'])[1 + i * 31 % 7] || '-' || md5(i::text)::varchar(6) || '-' || i, c, 100 + k, 'qemu', (c - 1) * 3 + 1 + k % 3, ''
  FROM (SELECT c, k, (c - 1) * 100 + k AS i FROM generate_series(1, 1000) c, generate_series(1, 100) k) x;
INSERT INTO backup_routines (endpoint_id, job_id, enabled, schedule, next_run, node_id, storage_id, selection, comment, status, keep_last, keep_daily, raw_config, content_hash, seen, created, last_updated)
  SELECT e, 'backup-' || md5(i::text)::varchar(8) || '-' || k, i % 10 <> 0, (ARRAY['02:00','sun 01:00','*/30','mon..fri 22:00'])[1 + i % 4], (ARRAY[date_trunc('day', now()) + interval '26 h', date_trunc('week', now()) + interval '6 d 1 h', date_trunc('hour', now()) + interval '1 h', date_trunc('day', now()) + interval '22 h'])[1 + i % 4],
    CASE WHEN i % 3 = 0 THEN (e - 1) * 3 + 1 + k % 3 END, (e - 1) * 3 + 1 + k % 3, jsonb_build_array(100 + k, 101 + k),
    'customer ' || i % 5000 || ': ' || (ARRAY['nightly','weekly','hourly','monthly'])[1 + i % 4] || ' backup of ' || (ARRAY['the web shop','mail servers','file servers','databases','everything else'])[1 + abs(hashint4(i)) % 5] || ' ' || md5((i * 3)::text)::varchar(5),
    CASE WHEN i % 50 = 0 THEN 'stale' ELSE 'active' END, i % 7, CASE WHEN i % 2 = 0 THEN i % 14 END,
    jsonb_build_object('id', 'backup-' || i, 'mode', 'snapshot', 'compress', 'zstd', 'schedule', '02:00', 'storage', 'pbs-main', 'vmid', '100,101'), '\x00', true, now() - interval '100 d', now() - i * interval '1 min'
  FROM (SELECT e, k, (e - 1) * 100 + k AS i FROM generate_series(1, 1000) e, generate_series(1, 100) k) x;
INSERT INTO replications (endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, target_node_id, guest, target, schedule, rate, comment, source, jobnum, status, raw_config, content_hash, seen, created, last_updated)
  SELECT e, (100 + k) || '-0', i, (e - 1) * 3 + 1 + k % 3, (e - 1) * 3 + 1 + (k + 1) % 3, 100 + k, 'pve-node-' || lpad((1 + (k + 1) % 3)::text, 2, '0'), '*/15', i % 100, 'replicate ' || md5(i::text)::varchar(6),
   'pve-node-' || lpad((1 + k % 3)::text, 2, '0'), 0, CASE WHEN i % 50 = 0 THEN 'stale' ELSE 'active' END, jsonb_build_object('id', (100 + k) || '-0', 'type', 'local', 'target', 'x'), '\x00', true, now() - interval '100 d', now() - i * interval '1 min'
  FROM (SELECT e, k, (e - 1) * 100 + k AS i FROM generate_series(1, 1000) e, generate_series(1, 100) k) x;
INSERT INTO sync_states (endpoint_id, kind, last_seen, status) SELECT id, k, now(), 'ok' FROM endpoints, unnest(ARRAY['backup_routine','replication','inventory']) k;
INSERT INTO tags (name, slug) SELECT 'Tag ' || i, 'tag-' || i FROM generate_series(1, 20) i;
INSERT INTO tagged_items (object_type_id, object_id, tag_id) SELECT 1, id, 1 + id / 5 % 20 FROM backup_routines WHERE id % 5 = 0;
INSERT INTO tagged_items (object_type_id, object_id, tag_id) SELECT 2, id, 1 + id / 5 % 20 FROM replications WHERE id % 5 = 0;
