-- name: UserByID :one
SELECT id, username, is_active, is_superuser, password_hash FROM users WHERE id = @id;

-- name: UserLoggedIn :exec
UPDATE users SET last_login = now() WHERE id = @id;

-- name: PreferencesGet :one
SELECT data FROM user_preferences WHERE user_id = @user_id;

-- name: PreferencesPut :exec
INSERT INTO user_preferences (user_id, data) VALUES (@user_id, @data)
ON CONFLICT (user_id) DO UPDATE SET data = excluded.data;
