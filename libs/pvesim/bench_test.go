package pvesim_test

import (
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

// benchCluster serves a large cluster.
func benchCluster(b *testing.B, jobs int) (*pvesim.Cluster, *pvesim.Server) {
	b.Helper()
	c := pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("alpha", 1, 5, 2500, jobs)))
	return c, pvesim.StartT(b, c)
}

func BenchmarkBackupList5k(b *testing.B)       { benchList(b, 5000, "/cluster/backup") }
func BenchmarkReplicationList10k(b *testing.B) { benchList(b, 10000, "/cluster/replication") }

func benchList(b *testing.B, jobs int, path string) {
	b.Helper()
	_, s := benchCluster(b, jobs)
	client := connect(b, s)
	for b.Loop() {
		client.get(path)
	}
}

func BenchmarkFleetOf100(b *testing.B) {
	for b.Loop() {
		f, err := pvesim.NewFleet(pvesim.FleetConfig{Clusters: 100, Jobs: 25, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
