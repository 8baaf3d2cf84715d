package poll

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// costs say what reading each kind took. Kinds are read one after another, so each gets what came since the one before it; what serves the whole
// run, such as the status of the cluster, counts for the first kind that is read after it.
type costs struct {
	of map[proxopsv1.Kind]*cost

	charged uint32    // requests that a kind has got already
	since   time.Time // from when on time counts for the next kind
}

type cost struct {
	requests uint32
	took     time.Duration
}

// restart leaves out the time until now: it was not spent on the cluster.
func (c *costs) restart() { c.since = time.Now() }

// charge adds what was spent since the last call to a kind. The cluster has made so many requests by now.
func (c *costs) charge(kind proxopsv1.Kind, requests uint32) *cost {
	if c.of == nil {
		c.of = map[proxopsv1.Kind]*cost{}
	}
	k := c.of[kind]
	if k == nil {
		k = &cost{}
		c.of[kind] = k
	}
	k.requests += requests - c.charged
	k.took += time.Since(c.since)
	c.charged = requests
	c.restart()
	return k
}

// tell fills the figures of a snapshot in. They are no part of its content.
func (c *cost) tell(s *proxopsv1.Snapshot) {
	s.Requests, s.Duration = c.requests, durationpb.New(c.took)
}

// report fills the figures of a kind in.
func (c *costs) report(k *proxopsv1.KindReport) {
	if spent := c.of[k.GetKind()]; spent != nil {
		k.Requests, k.Duration = spent.requests, durationpb.New(spent.took)
	}
}
