package cli

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/secretfile"
	"github.com/proxops/proxops/services/api/admin"
)

// User has the commands about users.
type User struct {
	Create   UserCreate   `cmd:"" help:"Make a user and print the password, unless --password-stdin gives one."`
	Password UserPassword `cmd:"" help:"Give a user another password."`
	List     UserList     `cmd:"" help:"List the users."`
}

// UserCreate makes a user.
type UserCreate struct {
	Where

	Name          string `arg:"" help:"Name to log in with."`
	Email         string `help:"Address of the user."`
	Superuser     bool   `help:"The user may do everything."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input."`
}

// Run makes the user.
func (c *UserCreate) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		password, made, err := newPassword(c.PasswordStdin)
		if err != nil {
			return err
		}
		u, err := admin.CreateUser(ctx, pool, admin.NewUser{Name: c.Name, Email: c.Email, Password: password, Superuser: c.Superuser})
		if err != nil {
			return err
		}
		fmt.Printf("user %s has the id %d\n", u.Name, u.ID)
		if !c.Superuser {
			fmt.Println("without --superuser a user has no permissions yet")
		}
		show(made, password)
		return nil
	})
}

// UserPassword changes a password.
type UserPassword struct {
	Where

	Name          string `arg:"" help:"Name of the user."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input; without this one is made and printed."`
}

// Run changes the password.
func (c *UserPassword) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		password, made, err := newPassword(c.PasswordStdin)
		if err != nil {
			return err
		}
		if err := admin.SetPassword(ctx, pool, c.Name, password); err != nil {
			return err
		}
		fmt.Printf("the password of %s is changed\n", c.Name)
		show(made, password)
		return nil
	})
}

// UserList lists users.
type UserList struct{ Where }

// Run lists the users.
func (c *UserList) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		users, err := admin.ListUsers(ctx, pool)
		if err != nil {
			return err
		}
		return table("ID\tNAME\tEMAIL\tACTIVE\tSUPERUSER\tJOINED", users, func(u admin.User) []any {
			return []any{u.ID, u.Name, u.Email, u.Active, u.Superuser, u.Joined.UTC().Format(time.RFC3339)}
		})
	})
}

// onDatabase opens the database for one command.
func (w Where) onDatabase(ctx context.Context, fn func(*pgxpool.Pool) error) error {
	url, err := w.database()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, url, postgres.Options{Name: "proxops", MaxConns: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	return fn(pool)
}

func newPassword(stdin bool) (password seal.Secret, made bool, err error) {
	if stdin {
		password, err = firstLine(os.Stdin, "password")
		return password, false, err
	}
	random, err := secretfile.Random()
	return seal.Secret(random), true, err
}

func show(made bool, password seal.Secret) {
	if made {
		fmt.Printf("password: %s\n", password.Reveal())
	}
}

// table prints rows below a header, columns aligned.
func table[T any](header string, rows []T, cells func(T) []any) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, header)
	for _, r := range rows {
		for i, c := range cells(r) {
			if i > 0 {
				_, _ = fmt.Fprint(w, "\t")
			}
			_, _ = fmt.Fprint(w, c)
		}
		_, _ = fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
