package pvesim_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestEverythingMayHappenAtOnce(t *testing.T) {
	c := pvesim.New("6.4", pvesim.WithWorld(pvesim.Generate("alpha", 1, 3, 20, 50)))
	c.ExpectLocking()
	s := pvesim.StartT(t, c)
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = connect(t, s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var living, reading sync.WaitGroup
	living.Go(func() {
		if err := pvesim.Live(ctx, c, 1, time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	living.Go(func() {
		faults := pvesim.AllFaults()
		for i := 0; ctx.Err() == nil; i++ {
			c.RotateCertificate()
			_, _, _ = c.Requests(), c.Faults(), c.BackupIDs()
			if f := faults[i%len(faults)]; f.Call == "" {
				f.Apply(c)
				f.Undo(c)
			}
		}
	})
	for _, client := range clients {
		reading.Go(func() {
			for range 20 {
				for _, path := range []string{"/cluster/backup", "/cluster/replication", "/nodes", "/storage", "/nodes/alpha-01/replication"} {
					_, _, _ = client.do(http.MethodGet, "/api2/json"+path) // anything may come of it
				}
			}
		})
	}
	reading.Wait()
	cancel()
	living.Wait()
	c.Heal()
	connect(t, s).get("/cluster/backup")
}
