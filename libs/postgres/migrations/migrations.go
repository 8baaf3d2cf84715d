// Package migrations holds the SQL that makes the schema, one file per step. Steps go forward only.
package migrations

import "embed"

// FS contains the migrations as goose wants them: NNNNN_name.sql at its root.
//
//go:embed *.sql
var FS embed.FS
