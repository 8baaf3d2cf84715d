-- name: IdentityOther :exec
-- Another cluster than the pinned one answered. A person may accept it as long as the pinned one does not answer again.
UPDATE endpoint_states SET other_name = @name, other_standalone = @standalone, other_seen = clock_timestamp()
WHERE endpoint_id = @endpoint_id AND cluster_name <> '' AND (cluster_name, standalone) IS DISTINCT FROM (@name, @standalone::boolean);
