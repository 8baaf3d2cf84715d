// Package pvesim simulates Proxmox VE clusters that are worth testing against.
//
// A [Cluster] is one model (a [World] of nodes, guests, storages, pools, backup and replication jobs) told in the dialect of
// Proxmox VE 6.4, 7.4, 8.4 or 9.2: what the versions' own code answered for the world of the fixtures is what the simulator
// answers for [FixtureWorld], value types, reason phrases and headers included. It speaks HTTP/1.1 over TLS with a certificate of
// its own CA, asks for API tokens, closes idle connections after 5 s and every connection after 100 requests or an error, writes
// keys in random order, moves next-run with the clock and, on 6.4, renames all backup jobs when one of them changes.
//
// It answers GET only. Anything else is refused with 501 and recorded ([Cluster.Refused]), as is every call that takes a
// cluster-wide lock ([Cluster.Locking]); with [StartT] either fails the test.
//
//	c := pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("alpha", 1, 3, 40, 25)))
//	s := pvesim.StartT(t, c)
//	endpoint := Endpoint{Host: s.Host, Port: s.Port, CA: s.CAPEM(), Fingerprint: s.Fingerprint(), Token: c.Token()}
//
//	c.Edit(func(w *pvesim.World) { w.Backups[0].Disabled = true })          // people change jobs
//	c.Edit(func(w *pvesim.World) { w.Migrate(100, w.Nodes[1].Name) })       // source and target of its replication swap
//	c.Fault("/cluster/backup", pvesim.DataNull)                             // a call goes wrong
//	c.FaultTimes("*", pvesim.FromTranscript("http_596_timeout"), 2)         // all calls, twice
//	c.LoseQuorum(old)                                                       // the node believes in an old world
//	c.Heal()                                                                // all is well again
//	for _, f := range pvesim.AllFaults() { f.Apply(c); poll(); f.Undo(c) }  // none of these makes a job stale
//	_ = c.Requests()["GET /cluster/backup"]
//
// Refusals come at once unless [WithDelays] says otherwise; a real cluster takes 3 s for a 401.
//
// A [Fleet] is many clusters at once, which [Fleet.Live] changes by a seed as people would. [Control] steers a fleet over HTTP,
// and the command in cmd/pvesim serves both.
package pvesim
