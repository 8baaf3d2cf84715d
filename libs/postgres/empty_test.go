package postgres_test

import (
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func init() { postgres.Empty = pgtest.Empty }
