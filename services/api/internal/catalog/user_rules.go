package catalog

import (
	"context"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// userHooks hash passwords, and keep the door to the system open: there is always a superuser who is active.
var userHooks = resource.Hooks{BeforeAll: refuseTwins, BeforeSave: beforeSaveUser, AfterAll: keepASuperuser, BeforeDelete: beforeDeleteUsers}

func loginName(s string) (value, wrong string) { return s, auth.CheckUsername(s) }

var email = regexp.MustCompile("(?i)^[-!#$%&'*+/=?^_`{}|~0-9a-z]+(\\.[-!#$%&'*+/=?^_`{}|~0-9a-z]+)*@(localhost|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9])$")

func emailAddress(s string) (value, wrong string) {
	if !email.MatchString(s) {
		return "", "Enter a valid email address."
	}
	return s, ""
}

func beforeSaveUser(ctx context.Context, w *resource.Write) error {
	if err := aboveSuperusers(ctx, w); err != nil {
		return err
	}
	password, given := w.Secrets["password"]
	if !given {
		return nil
	}
	if wrong := auth.CheckNewPassword(password); wrong != nil {
		w.Errors.Add(resource.NonField, wrong...)
		return nil
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	w.Columns["password_hash"] = hash
	w.Changed = append(w.Changed, "password")
	return nil
}

// errSuperusers refuses what would let somebody become a superuser, or take the place of one.
var errSuperusers = fault.Wrap(fault.Denied, resource.Detail("Only a superuser may make, change or delete superusers and make tokens for them."), "check permissions")

// aboveSuperusers refuses writes to superusers by others: a password that they set would be as good as the right itself.
func aboveSuperusers(ctx context.Context, w *resource.Write) error {
	if !w.After.Bool("is_superuser") && (w.Before == nil || !w.Before.Bool("is_superuser")) {
		return nil
	}
	super, err := isSuperuser(ctx, w.Tx, w.Actor.Origin)
	if err != nil || super {
		return err
	}
	return errSuperusers
}

// isSuperuser says whether a write comes from a superuser, or from the program itself.
func isSuperuser(ctx context.Context, tx pgx.Tx, origin change.Origin) (super bool, err error) {
	if origin.Cause == change.System {
		return true, nil
	}
	if err := tx.QueryRow(ctx, "SELECT coalesce((SELECT is_superuser FROM users WHERE id = $1), false)", origin.UserID).Scan(&super); err != nil {
		return false, fmt.Errorf("look whether %s is a superuser: %w", origin.UserName, err)
	}
	return super, nil
}

const lastSuperuser = "This is the last active superuser: nobody could administer the system any more."

// keepASuperuser refuses a request that leaves no active superuser.
func keepASuperuser(ctx context.Context, tx pgx.Tx, writes []*resource.Write) error {
	var wrong resource.Errors
	for _, w := range writes {
		if w.Before == nil || !w.Before.Bool("is_superuser") || !w.Before.Bool("is_active") {
			continue
		}
		for _, name := range []string{"is_superuser", "is_active"} {
			if !w.After.Bool(name) && wrong.None() {
				wrong.Add(name, lastSuperuser)
			}
		}
	}
	if wrong.None() {
		return nil
	}
	left, err := superusersBeside(ctx, tx, nil)
	if err != nil || left {
		return err
	}
	return wrong.Err()
}

// superusersBeside says whether there are active superusers without these ids. Whoever asks is alone in this until the end of the transaction, as
// two who demote each other would both be right otherwise.
func superusersBeside(ctx context.Context, tx pgx.Tx, ids []int64) (left bool, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('proxops superusers', 0))"); err != nil {
		return false, fmt.Errorf("lock out other changes of superusers: %w", err)
	}
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM users WHERE is_superuser AND is_active AND id <> ALL(coalesce($1::bigint[], '{}')))", ids).Scan(&left)
	if err != nil {
		return false, fmt.Errorf("look for superusers: %w", err)
	}
	return left, nil
}

// beforeDeleteUsers refuses to delete superusers who must stay.
func beforeDeleteUsers(ctx context.Context, d *resource.Deletion) error {
	var superusers, active bool
	const q = "SELECT coalesce(bool_or(is_superuser), false), coalesce(bool_or(is_superuser AND is_active), false) FROM users WHERE id = ANY($1::bigint[])"
	if err := d.Tx.QueryRow(ctx, q, d.IDs).Scan(&superusers, &active); err != nil {
		return fmt.Errorf("look for superusers among users to delete: %w", err)
	}
	if superusers {
		super, err := isSuperuser(ctx, d.Tx, d.Origin)
		if err != nil {
			return err
		}
		if !super {
			return errSuperusers
		}
	}
	if active {
		left, err := superusersBeside(ctx, d.Tx, d.IDs)
		if err != nil {
			return err
		}
		if !left {
			return fault.Wrap(fault.Invalid, resource.Detail("Unable to delete object. "+lastSuperuser), "delete users")
		}
	}
	return nil
}
