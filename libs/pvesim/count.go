package pvesim

import (
	"maps"
	"net/http"
	"slices"
)

// counters is what a cluster was asked.
type counters struct {
	byTemplate, byPath map[string]int
	refused, locking   []string
	expectRefused      bool
	expectLocking      bool
}

func (n *counters) add(method, path, template string) {
	if n.byTemplate == nil {
		n.byTemplate, n.byPath = map[string]int{}, map[string]int{}
	}
	n.byTemplate[call(method, template)]++
	n.byPath[call(method, path)]++
	if method != http.MethodGet {
		n.refused = append(n.refused, call(method, path))
	}
	if locking(template) {
		n.locking = append(n.locking, call(method, path))
	}
}

// Requests counts what was asked by method and template, such as "GET /cluster/backup/{id}", whatever came of it. Paths that are
// no call of Proxmox VE count as they are.
func (c *Cluster) Requests() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts.byTemplate)
}

// RawRequests counts the same by path, such as "GET /cluster/backup/backup-0d5a6f1c-9e3b".
func (c *Cluster) RawRequests() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts.byPath)
}

// Refused lists every request that was not a GET, in order.
func (c *Cluster) Refused() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.counts.refused)
}

// Locking lists every request to LockingCall and below, in order.
func (c *Cluster) Locking() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.counts.locking)
}

// ResetRequests starts all counters anew, Refused and Locking apart: what must never happen is not forgotten.
func (c *Cluster) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.byTemplate, c.counts.byPath = nil, nil
}

// ExpectRefused tells StartT that requests other than GET will come.
func (c *Cluster) ExpectRefused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.expectRefused = true
}

// ExpectLocking tells StartT that LockingCall will be called.
func (c *Cluster) ExpectLocking() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.expectLocking = true
}

// TB is the part of testing.TB that StartT needs, so that programs do not link the package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// StartT starts a cluster for one test and closes it with the test. The test fails if any request was not a GET, or took a lock
// of the cluster, unless that was expected.
func StartT(t TB, c *Cluster) *Server {
	t.Helper()
	s, err := c.Start()
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		s.Close()
		c.mu.Lock()
		n := c.counts
		c.mu.Unlock()
		if len(n.refused) > 0 && !n.expectRefused {
			t.Errorf("cluster %q was sent requests other than GET: %q", c.Name(), n.refused)
		}
		if len(n.locking) > 0 && !n.expectLocking {
			t.Errorf("cluster %q was asked for what takes a cluster-wide lock: %q", c.Name(), n.locking)
		}
	})
	return s
}
