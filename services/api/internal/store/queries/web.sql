-- name: UserByID :one
-- A user, with how they want pages.
SELECT u.id, u.username, u.is_active, u.is_superuser, u.password_hash, p.data AS preferences
FROM users u LEFT JOIN user_preferences p ON p.user_id = u.id
WHERE u.id = @id;

-- name: UserLoggedIn :exec
UPDATE users SET last_login = now() WHERE id = @id;

-- name: PreferencesPut :exec
INSERT INTO user_preferences (user_id, data) VALUES (@user_id, @data)
ON CONFLICT (user_id) DO UPDATE SET data = excluded.data;
