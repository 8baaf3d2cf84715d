-- What the pages for people keep: who is logged in, and how each person wants lists shown.

-- +goose Up

CREATE TABLE sessions (
    token  text PRIMARY KEY,
    data   bytea NOT NULL,
    expiry timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expiry);
COMMENT ON TABLE sessions IS 'owner: api. Columns as scs wants them; token is a digest of what the browser has.';

CREATE TABLE user_preferences (
    user_id integer PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    data    jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE user_preferences IS 'owner: api. Columns of lists, size of pages: see internal/web.';
