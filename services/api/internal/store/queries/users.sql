-- name: UserByName :one
SELECT * FROM users WHERE username = @username;

-- name: UserInsert :one
INSERT INTO users (username, password_hash, email, is_superuser)
VALUES (@username, @password_hash, @email, @is_superuser)
RETURNING *;

-- name: UserSetPassword :execrows
UPDATE users SET password_hash = @password_hash, last_updated = greatest(clock_timestamp(), last_updated + interval '1 microsecond') WHERE username = @username;

-- name: UserList :many
SELECT * FROM users ORDER BY username;
