package auth

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"
)

// maxSources bounds how many sources of failures are remembered; those that were quiet for longest are forgotten.
const maxSources = 10_000

// failures counts failed attempts by their source: each may fail Burst times, and once more after each Every.
type failures struct {
	burst float64
	every time.Duration
	now   func() time.Time

	mu      sync.Mutex
	seed    maphash.Seed
	sources map[uint64]*list.Element
	recent  *list.List // of *source, the latest in front
}

// source is where failures come from. What it may still do grows with time.
type source struct {
	key  uint64 // a hash: texts of clients are not kept
	left float64
	at   time.Time
	shut bool // a failure was refused since the last one that was not
}

func newFailures(burst int, every time.Duration) *failures {
	return &failures{burst: float64(burst), every: every, now: time.Now, seed: maphash.MakeSeed(), sources: map[uint64]*list.Element{}, recent: list.New()}
}

// add counts a failure. If the source may not fail now, wait says how long to wait, and first that it was allowed to fail until then.
func (f *failures) add(name string) (wait time.Duration, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(name)
	if s.left < 1 {
		first, s.shut = !s.shut, true
		return time.Duration((1 - s.left) * float64(f.every)), first
	}
	s.left--
	s.shut = false
	return 0, false
}

// forgive takes one failure back.
func (f *failures) forgive(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(name)
	s.left = min(s.left+1, f.burst)
}

// source returns what is known of a source as of now.
func (f *failures) source(name string) *source {
	key, now := maphash.String(f.seed, name), f.now()
	if e := f.sources[key]; e != nil {
		s := e.Value.(*source)
		s.left = min(s.left+float64(now.Sub(s.at))/float64(f.every), f.burst)
		s.at = now
		f.recent.MoveToFront(e)
		return s
	}
	s := &source{key: key, left: f.burst, at: now}
	f.sources[key] = f.recent.PushFront(s)
	if f.recent.Len() > maxSources {
		oldest := f.recent.Back()
		delete(f.sources, f.recent.Remove(oldest).(*source).key)
	}
	return s
}
