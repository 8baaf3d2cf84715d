package resource

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/seal"
)

// Hooks are what a resource does beyond its declaration. Each runs in the transaction of the write, but for Committed. They stand in the order in
// which they run.
type Hooks struct {
	// Reach returns further endpoints that a write of objects must lock, by their ids: as the objects were found, and as they will be. Those that
	// will be deleted are only in found. Nothing is locked yet: what has to be locked before endpoints, it may lock. It is not asked when objects are
	// created.
	Reach func(ctx context.Context, tx pgx.Tx, found, states []*Record) ([]int64, error)
	// BeforeAll completes or refuses the objects that a request creates or updates; there is at least one. It may change Write.After. What needs
	// the database belongs here, as a request may write thousands of objects. Endpoints and objects are locked, no row is written.
	BeforeAll func(ctx context.Context, tx pgx.Tx, all []*Write) error
	// BeforeSave does the same for one object, when its custom fields are checked.
	BeforeSave func(ctx context.Context, w *Write) error
	// BeforeWrite runs when all objects are valid. Endpoints and objects are locked, no row is written.
	BeforeWrite func(ctx context.Context, tx pgx.Tx, all []*Write) error
	// AfterAll runs when rows, links and tags are written, but not yet the change log. What it writes is shown in the answer. An error undoes the
	// request.
	AfterAll func(ctx context.Context, tx pgx.Tx, all []*Write) error
	// BeforeDelete refuses a deletion, or removes what hangs on objects and is no resource itself. Endpoints and objects are locked, and all rows
	// are there still.
	BeforeDelete func(ctx context.Context, d *Deletion) error
	// Committed runs after the commit of a write to any object. Nothing is locked, and nothing can be undone.
	Committed func(ctx context.Context)
}

// Deletion is objects of one resource on their way out of the database.
type Deletion struct {
	Tx     pgx.Tx
	IDs    []int64 // all that will be deleted
	Origin change.Origin
	Set    *Set
}

// Write is one object on its way into the database.
type Write struct {
	Tx      pgx.Tx
	Actor   Actor
	Action  change.Action
	Origin  change.Origin          // who writes, with the message
	Before  *Record                // as it is; nil at creation
	After   *Record                // as it will be
	Given   map[string]bool        // names of the fields that the request names
	Secrets map[string]seal.Secret // values of write-only and OneTime fields
	Columns map[string]any         // further columns to set
	Changed []string               // further names for the change log
	Reveal  seal.Secret            // what the OneTime field of the resource shows in the answer to this write
	Errors  Errors                 // if the hook adds any, nothing is saved

	notes []note
}

// Resource returns the resource of the object.
func (w *Write) Resource() *Resource { return w.After.r }

// Set returns the resources that the object's own belongs to.
func (w *Write) Set() *Set { return w.After.r.set }

// Differs says whether a field is another than before. At creation each field is.
func (w *Write) Differs(fields ...string) bool {
	for _, name := range fields {
		if w.Before == nil || !same(w.Before.values[name], w.After.values[name]) {
			return true
		}
	}
	return false
}

// DiffersMirrored says whether any field differs whose value a sync owns.
func (w *Write) DiffersMirrored() bool {
	for i := range w.After.r.Fields {
		if f := &w.After.r.Fields[i]; f.Mirrored && f.stored() && w.Differs(f.Name) {
			return true
		}
	}
	return false
}
