// Package e2e proves what no service can prove alone: it runs poller, projector and api against simulated clusters, and looks as a user
// does, through REST and the event stream.
package e2e
