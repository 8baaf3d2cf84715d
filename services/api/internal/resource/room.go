package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
)

// defaultPatience is how long a request waits for a connection to the database. Those are given back within the timeout of statements, so waiting longer
// would only add to a queue that the server cannot serve.
const defaultPatience = 5 * time.Second

// acquire takes a connection. If all are busy for too long, its error is fault.Unavailable with a Detail.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, cmp.Or(s.Patience, defaultPatience))
	defer cancel()
	conn, err := s.Pool.Acquire(waiting)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && s.busy():
		return nil, fault.Wrap(fault.Unavailable, Detail("The server is busy: all of its connections to the database are in use. Try again later."), "get a database connection")
	}
	return nil, fmt.Errorf("get a database connection: %w", err)
}

func (s *Store) busy() bool {
	stat := s.Pool.Stat()
	return stat.AcquiredConns() >= stat.MaxConns()
}

// Room returns nil when a connection to the database is free; otherwise it waits, as acquire does. A request that begins with it does not hang
// behind others that need the database for long.
func (s *Store) Room(ctx context.Context) error {
	if !s.busy() {
		return nil
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	conn.Release()
	return nil
}
