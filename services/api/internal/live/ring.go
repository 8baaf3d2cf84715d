package live

import (
	"sync"
	"time"
)

// ring holds the last events of the stream. It has each event whose sequence is above low, up to and including high.
type ring struct {
	maxEvents, maxBytes int
	gather              time.Duration

	mu        sync.RWMutex
	events    []*Event // a circle; that of low+1 is at head
	head, n   int
	bytes     int
	low, high uint64
	first     uint64 // of the stream, when it was last looked at,
	end       uint64 // as its end
	era       int    // counts histories: sequences of different ones have nothing to do with each other; 0 until the stream was seen
	waking    bool
	news      chan struct{} // closed when there is something new
}

func newRing(maxEvents, maxBytes int, gather time.Duration) *ring {
	return &ring{maxEvents: maxEvents, maxBytes: maxBytes, gather: gather, events: make([]*Event, maxEvents), news: make(chan struct{})}
}

// view is what the ring holds at a time.
type view struct {
	low, high  uint64
	first, end uint64 // of the stream, which may go on
	era        int
}

// now is where the stream ends, as far as one knows. The ring may still have to get there.
func (v view) now() uint64 { return max(v.high, v.end) }

func (r *ring) view() view {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return view{low: r.low, high: r.high, first: r.first, end: r.end, era: r.era}
}

// wait returns a channel that is closed when the ring changes.
func (r *ring) wait() <-chan struct{} {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.news
}

// begin empties the ring and has it go on after a sequence. A new era is another history.
func (r *ring) begin(after uint64, anew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.events)
	r.head, r.n, r.bytes = 0, 0, 0
	r.low, r.high = after, after
	if anew {
		r.era++
	}
	r.wake()
}

// seen notes where the stream begins and ends.
func (r *ring) seen(first, end uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.end = first, end
}

// add appends the event that follows high. The oldest make room for it.
func (r *ring) add(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.n > 0 && (r.n == r.maxEvents || r.bytes+e.size() > r.maxBytes) {
		r.bytes -= r.events[r.head].size()
		r.low = r.events[r.head].Sequence
		r.events[r.head] = nil
		r.head = (r.head + 1) % r.maxEvents
		r.n--
	}
	r.events[(r.head+r.n)%r.maxEvents] = e
	r.n++
	r.bytes += e.size()
	r.high = e.Sequence
	r.wake()
}

// wake wakes who waits, together for all that comes within a short time.
func (r *ring) wake() {
	if r.waking {
		return
	}
	r.waking = true
	time.AfterFunc(r.gather, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waking = false
		close(r.news)
		r.news = make(chan struct{})
	})
}

// last returns the newest event, nil if there is none.
func (r *ring) last() *Event {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.n == 0 {
		return nil
	}
	return r.events[(r.head+r.n-1)%r.maxEvents]
}

// after appends to list the events that follow a sequence, up to its capacity and about so many bytes. There are none if the ring does not have the
// first of them.
func (r *ring) after(list []*Event, sequence uint64, bytes int) []*Event {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if sequence < r.low || sequence >= r.high {
		return list
	}
	for i := int(sequence - r.low); i < r.n && len(list) < cap(list) && bytes > 0; i++ {
		e := r.events[(r.head+i)%r.maxEvents]
		list, bytes = append(list, e), bytes-e.size()
	}
	return list
}
