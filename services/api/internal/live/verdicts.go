package live

import (
	"context"
	"sync"
	"time"
)

// verdicts remembers for a short while which changes may be seen by those whose permissions are narrowed: the clients of one user ask once together.
type verdicts struct {
	keep time.Duration

	mu sync.Mutex
	of map[string]*verdict
}

type verdict struct {
	since time.Time
	turn  chan struct{} // held by the one who asks
	seen  map[int64]bool
}

// maxVerdicts bounds what is remembered of one user.
const maxVerdicts = 10_000

// Judge says which changes may be seen by those who have the key. It asks only for changes that nobody with the key has asked for just now.
func (h *Hub) Judge(ctx context.Context, key string, changes []int64, ask func(context.Context, []int64) (map[int64]bool, error)) (map[int64]bool, error) {
	v := h.verdicts.take(key)
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var missing []int64
	for _, id := range changes {
		if _, known := v.seen[id]; !known {
			missing = append(missing, id)
		}
	}
	if missing != nil {
		if len(v.seen)+len(missing) > maxVerdicts {
			v.seen, missing = map[int64]bool{}, changes
		}
		seen, err := ask(ctx, missing)
		if err != nil {
			return nil, err
		}
		for _, id := range missing {
			v.seen[id] = seen[id]
		}
	}
	out := make(map[int64]bool, len(changes))
	for _, id := range changes {
		out[id] = v.seen[id]
	}
	return out, nil
}

// take returns what is remembered for a key, and forgets what is old.
func (v *verdicts) take(key string) *verdict {
	v.mu.Lock()
	defer v.mu.Unlock()
	for k, old := range v.of {
		if time.Since(old.since) > v.keep {
			delete(v.of, k)
		}
	}
	if v.of == nil {
		v.of = map[string]*verdict{}
	}
	if v.of[key] == nil {
		v.of[key] = &verdict{since: time.Now(), turn: make(chan struct{}, 1), seen: map[int64]bool{}}
	}
	return v.of[key]
}
