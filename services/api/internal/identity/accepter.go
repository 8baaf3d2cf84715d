package identity

import (
	"context"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Accepter accepts identities for people.
type Accepter struct {
	Store *resource.Store
	// RunsStopped is called after the commit with the runs that need not go on, and JobsChanged after that. They must not fail: they are hints. Nil:
	// nobody cares.
	RunsStopped func(ctx context.Context, stopped []syncjob.Run)
	JobsChanged func(ctx context.Context)
}

// Accept makes the cluster that answered last the one that the endpoint with this id is. The request says who wants it, and may have a message for the
// change log. Errors are those of Acceptance.Apply and of an update of the endpoint.
func (a Accepter) Accept(ctx context.Context, id int64, wanted Acceptance, req resource.Request) (resource.Object, error) {
	var stopped []syncjob.Run
	req.Partial = true
	req.Act = func(ctx context.Context, w *resource.Write) (err error) {
		stopped, err = wanted.Apply(ctx, w)
		return err
	}
	o, err := a.Store.Update(ctx, a.Store.Set.Get(catalog.Endpoints), id, req)
	if err != nil {
		return resource.Object{}, err
	}
	if a.RunsStopped != nil {
		a.RunsStopped(ctx, stopped)
	}
	if a.JobsChanged != nil {
		a.JobsChanged(ctx)
	}
	return o, nil
}
