-- name: TokenByKey :one
SELECT t.id, t.pepper_id, t.digest, t.expires, t.last_used, t.enabled, t.write_enabled, t.allowed_ips,
    u.id AS user_id, u.username, u.is_active, u.is_superuser
FROM tokens t JOIN users u ON u.id = t.user_id
WHERE t.key = @key AND t.version = 2;

-- name: TokenByDigest :one
SELECT t.id, t.pepper_id, t.digest, t.expires, t.last_used, t.enabled, t.write_enabled, t.allowed_ips,
    u.id AS user_id, u.username, u.is_active, u.is_superuser
FROM tokens t JOIN users u ON u.id = t.user_id
WHERE t.digest = ANY(@digests::bytea[]) AND t.version = 1;

-- name: TokenTouch :exec
-- One write a minute at most, whatever number of instances see the token.
UPDATE tokens SET last_used = now()
WHERE id = @id AND (last_used IS NULL OR last_used < now() - interval '60 seconds');

-- name: TokenInsert :one
INSERT INTO tokens (user_id, version, key, pepper_id, digest, description, expires, enabled, write_enabled, allowed_ips)
VALUES (@user_id, @version, @key, @pepper_id, @digest, @description, @expires, @enabled, @write_enabled, @allowed_ips)
RETURNING id, created;

-- name: TokenList :many
SELECT t.id, t.version, t.key, t.description, t.created, t.expires, t.last_used, t.enabled, t.write_enabled, u.username
FROM tokens t JOIN users u ON u.id = t.user_id
ORDER BY u.username, t.id;

-- name: TokenDelete :execrows
DELETE FROM tokens WHERE id = @id;
