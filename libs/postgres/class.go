package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// UniqueViolation says whether Postgres refused a row because a unique constraint has its values already, and which constraint.
func UniqueViolation(err error) (constraint string, ok bool) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != "23505" {
		return "", false
	}
	return pgErr.ConstraintName, true
}

// Unstorable says whether Postgres can never store or compare the values of a statement, and in its words why: a data exception
// (class 22), such as a number that is too large, or a limit of the program (class 54), such as an index entry that is too long.
func Unstorable(err error) (reason string, ok bool) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || (!strings.HasPrefix(pgErr.Code, "22") && !strings.HasPrefix(pgErr.Code, "54")) {
		return "", false
	}
	return pgErr.Message, true
}
