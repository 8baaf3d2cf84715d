package pvesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestTheSameSeedMakesTheSameWorld(t *testing.T) {
	first := pvesim.Generate("alpha", 7, 3, 20, 50)
	if diff := cmp.Diff(first, pvesim.Generate("alpha", 7, 3, 20, 50)); diff != "" {
		t.Errorf("two worlds of one seed differ:\n%s", diff)
	}
	if cmp.Equal(first, pvesim.Generate("alpha", 8, 3, 20, 50)) {
		t.Error("two seeds make the same world")
	}
}

func TestGeneratedWorldsHoldTogether(t *testing.T) {
	for _, tt := range []struct{ nodes, guests, jobs, replications int }{
		{3, 20, 25, 25}, {2, 0, 10, 10}, {5, 10, 300, 300}, {1, 5, 5, 0}, {3, 0, 0, 0},
	} {
		w := pvesim.Generate("alpha", 1, tt.nodes, tt.guests, tt.jobs)
		if len(w.Nodes) != tt.nodes || len(w.Backups) != tt.jobs || len(w.Replications) != tt.replications || len(w.Guests) < tt.guests {
			t.Fatalf("%+v: %d nodes, %d guests, %d and %d jobs", tt, len(w.Nodes), len(w.Guests), len(w.Backups), len(w.Replications))
		}
		seen := map[string]bool{}
		for _, j := range w.Backups {
			if seen[j.ID] {
				t.Errorf("two backup jobs are called %s", j.ID)
			}
			seen[j.ID] = true
		}
		for _, r := range w.Replications {
			g, pair := w.Guest(r.Guest), fmt.Sprint(r.Guest, " to ", r.Target)
			if g == nil || r.Target == g.Node || w.Node(r.Target) == nil || seen[r.ID()] || seen[pair] {
				t.Errorf("replication %s: guest %v, target %s", r.ID(), g, r.Target)
			}
			seen[r.ID()], seen[pair] = true, true
		}
	}
}

func TestEveryVersionListsAllJobsOfAGeneratedWorld(t *testing.T) {
	for _, version := range pvesim.Versions() {
		_, client := start(t, version, pvesim.WithWorld(pvesim.Generate("alpha", 3, 3, 20, 200)))
		if b, r := client.ids("/cluster/backup"), client.ids("/cluster/replication"); len(b) != 200 || len(r) != 200 {
			t.Errorf("%s lists %d backup and %d replication jobs, want 200 each", version, len(b), len(r))
		}
	}
}

func TestClustersShareNothing(t *testing.T) {
	w := pvesim.Generate("alpha", 1, 3, 20, 50)
	before := w.Clone()
	a, b := pvesim.New("8.4", pvesim.WithWorld(w)), pvesim.New("8.4", pvesim.WithWorld(w))
	a.Edit(func(w *pvesim.World) {
		for i := range w.Backups {
			j := &w.Backups[i]
			for _, p := range []*int{j.BWLimit, j.Zstd, j.MaxFiles, j.IONice} {
				if p != nil {
					*p = 99
				}
			}
			for k := range j.Prune {
				j.Prune[k] = 99
			}
			if j.Fleecing != nil {
				j.Fleecing.Storage = "changed"
			}
			if j.All != nil {
				*j.All = false
			}
			if j.ExcludePath != nil {
				j.ExcludePath[0] = "changed"
			}
		}
		for i := range w.Replications {
			w.Replications[i].Target = "changed"
			if r := w.Replications[i].Rate; r != nil {
				*r = 99
			}
		}
		for i := range w.Storages {
			w.Storages[i].Content[0] = "changed"
			w.Storages[i].Options["path"] = "changed"
			if s := w.Storages[i].Shared; s != nil {
				*s = false
			}
		}
		w.Guests[0].Name, w.Nodes[0].Name, w.Pools[0] = "changed", "changed", "changed"
	})
	if diff := cmp.Diff(before, w); diff != "" {
		t.Errorf("the world given to New changed:\n%s", diff)
	}
	if diff := cmp.Diff(before, b.World()); diff != "" {
		t.Errorf("another cluster's world changed:\n%s", diff)
	}
}

func TestLivesOfOneSeedAreTheSameAndChangeEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Second+time.Millisecond)
		defer cancel()
		world := pvesim.Generate("alpha", 1, 3, 20, 25)
		var worlds [2]pvesim.World
		var wg sync.WaitGroup
		for i := range worlds {
			wg.Go(func() {
				c := pvesim.New("8.4", pvesim.WithWorld(world))
				if err := pvesim.Live(ctx, c, 5, time.Second); err != nil {
					t.Error(err)
				}
				if on := c.Faults(); len(on) > 0 {
					t.Errorf("a life left faults behind: %v", on)
				}
				worlds[i] = c.World()
			})
		}
		wg.Wait()
		if diff := cmp.Diff(worlds[0], worlds[1]); diff != "" {
			t.Errorf("two lives of one seed differ:\n%s", diff)
		}
		var edited, toggled, deleted, moved int
		for _, was := range world.Backups {
			is := worlds[0].Backup(was.ID)
			switch {
			case is == nil:
				deleted++
			case is.Disabled != was.Disabled:
				toggled++
			case !cmp.Equal(*is, was):
				edited++
			}
		}
		for _, was := range world.Replications {
			if is := worlds[0].Replication(was.ID()); is != nil && is.Source == was.Target && is.Target == was.Source {
				moved++
			}
		}
		if edited == 0 || toggled == 0 || deleted == 0 || moved == 0 {
			t.Errorf("after ten minutes %d jobs are edited, %d toggled, %d deleted, %d swapped", edited, toggled, deleted, moved)
		}
		if n := len(worlds[0].Backups); n < 15 || n > 35 {
			t.Errorf("25 jobs became %d", n)
		}
	})
}

func TestAFleetServesAllVersionsAndLives(t *testing.T) {
	f, err := pvesim.NewFleet(pvesim.FleetConfig{Clusters: 6, Jobs: 5, Seed: 1, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	var spoken []string
	worlds := []pvesim.World{}
	for i, s := range f.Servers() {
		spoken = append(spoken, s.Cluster().Version())
		worlds = append(worlds, s.Cluster().World())
		if n := len(connect(t, s).ids("/cluster/replication")); n != 5 {
			t.Errorf("%s lists %d replications", f.Listing()[i].Name, n)
		}
	}
	if diff := cmp.Diff([]string{"6.4", "7.4", "8.4", "9.2", "6.4", "7.4"}, spoken); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- f.Live(ctx) }()
	for i, c := range f.Clusters() {
		for cmp.Equal(worlds[i], c.World()) && ctx.Err() == nil {
			pause()
		}
	}
	if ctx.Err() != nil {
		t.Error("some cluster did not change")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// pause lets other goroutines run while a test polls.
func pause() { <-time.After(time.Millisecond) }

func TestAFleetOfAnUnknownVersionDoesNotStart(t *testing.T) {
	_, err := pvesim.NewFleet(pvesim.FleetConfig{Versions: []string{"8.4", "5.0"}})
	if err == nil || !strings.Contains(err.Error(), `"5.0"`) {
		t.Errorf("error %v", err)
	}
}

func TestStartingTwiceFailsAndAgainAfterCloseWorks(t *testing.T) {
	c := pvesim.New("8.4")
	s, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Start(); err == nil {
		t.Error("a started cluster was started again")
	}
	s.Close()
	s.Close()
	connect(t, pvesim.StartT(t, c)).get("/version")
}

func TestListingSaysHowToReadACluster(t *testing.T) {
	s := pvesim.StartT(t, pvesim.New("9.2", pvesim.WithToken(pvesim.Token{User: "a@pam", Name: "b", Secret: "c"})))
	raw, err := json.Marshal(s.Listing())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": "prod-cluster", "version": "9.2", "url": s.URL, "host": "127.0.0.1", "port": float64(s.Port), "user": "a@pam",
		"token_name": "b", "token_value": "c", "ca_certificate": string(s.CAPEM()), "fingerprint": s.Fingerprint(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
}
