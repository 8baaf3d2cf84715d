package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/proto-events/subjects"
)

// An endpoint with a wrong secret says so, is read as soon as the right one is entered, and refuses the answers of another cluster.
func TestWhatIsWrongWithAnEndpointIsSaidUntilItIsMended(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, other := pvesim.New("8.4", pvesim.WithName("right")), pvesim.New("8.4", pvesim.WithName("wrong"))
	e := l.addOne(t, c, func(*pvesim.Server) object { return object{"token_value": "00000000-0000-0000-0000-000000000000"} })
	path := fmt.Sprintf("%s%d/", endpointsPath, e.id)
	says := func(status, kind string) {
		t.Helper()
		l.poll(t, e)
		states := l.rest.syncState(t, e)
		for _, k := range jobKinds {
			if s := states.sub(k); s.text("status") != status || s.text("error_kind") != kind {
				t.Errorf("%s is %s, %s, want %s, %s: %s", k, s.text("status"), s.text("error_kind"), status, kind, s.text("error"))
			}
		}
	}
	says("failing", "auth")
	says("failing", "auth") // a poll that was asked for is not held back
	l.rest.patch(t, path, object{"token_value": c.Token().Secret})
	says("ok", "")
	before := l.tuples(t, e)
	server := pvesim.StartT(t, other)
	l.secrets.plant(other.Token().Secret)
	l.rest.patch(t, path, object{"port": server.Port, "ca_certificate": string(server.CAPEM()), "token_name": other.Token().Name, "token_value": other.Token().Secret})
	says("failing", "identity")
	l.rest.patch(t, path, object{"port": e.server.Port, "ca_certificate": string(e.server.CAPEM()), "token_name": c.Token().Name, "token_value": c.Token().Secret})
	says("ok", "")
	if diff := cmp.Diff(before, l.tuples(t, e), cmp.AllowUnexported(tuples{})); diff != "" {
		t.Errorf("jobs or changes were written:\n%s", diff)
	}
	l.rest.patch(t, path, object{"enabled": false})
	run, err := l.task(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task of a disabled endpoint to be taken", func() error { return l.taken(t.Context(), run) })
	if now, err := l.generation(t.Context(), e); err != nil || now != run.after {
		t.Errorf("a disabled endpoint was claimed: generation %d, was %d, %v", now, run.after, err)
	}
}

// With an endpoint goes all that was found through it, and subscribers hear of each job. Added again, everything is new.
func TestADeletedEndpointTakesItsJobsAlong(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("leaving", 31, 3, 8, 6)))
	e := l.addOne(t, c, func(*pvesim.Server) object { return object{"poll_interval": 3600} })
	staying := l.add(t, pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("staying", 31, 3, 8, 6))))[0]
	l.poll(t, e, staying)
	l.mustBe(t, "ok", e, staying)
	routines, replications := l.rest.routines(t, e), l.rest.replications(t, e)
	before := [2]map[string]object{still(l.rest.routines(t, staying)), still(l.rest.replications(t, staying))}
	l.rest.delete(t, fmt.Sprintf("%s%d/", endpointsPath, e.id))
	for _, path := range []string{routinesPath, replicationsPath, nodesPath} {
		for _, o := range l.rest.list(t, path) {
			if o.sub("endpoint").id() != staying.id {
				t.Errorf("%s%d/ is left: %v", path, o.id(), o)
			}
		}
	}
	events := l.events(t)
	for kind, jobs := range map[string]map[string]object{"backup_routine": routines, "replication": replications} {
		for key, o := range jobs {
			if told := story(events, kind, o.id()); !slices.Equal(told, []string{"created 1", "deleted 2"}) {
				t.Errorf("events of the %s %s: %v", kind, key, told)
			}
		}
	}
	eventually(t, "the end of its schedule", func() error {
		tasks, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamTasks)
		if err != nil {
			return err
		}
		if _, err = tasks.GetLastMsgForSubject(t.Context(), subjects.Schedule(int64(e.id))); errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
	run, err := l.task(t.Context(), e) // somebody asked for it a moment too late
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task of a deleted endpoint to be taken", func() error { return l.taken(t.Context(), run) })

	again := l.rest.post(t, endpointsPath, object{
		"name": e.name, "ip_address": e.server.Host, "port": e.server.Port, "username": c.Token().User, "token_name": c.Token().Name,
		"token_value": c.Token().Secret, "ca_certificate": string(e.server.CAPEM()), "poll_interval": 0,
	})
	back := &endpoint{id: again.id(), name: e.name, cluster: c, server: e.server}
	l.poll(t, back, staying)
	l.mustBe(t, "ok", back, staying)
	wantRoutines, wantReplications := back.wanted(t)
	same(t, back, "routine", wantRoutines, l.rest.routines(t, back))
	same(t, back, "replication", wantReplications, l.rest.replications(t, back))
	for key, o := range l.rest.routines(t, back) {
		if o.id() == routines[key].id() || o.number("version") != 1 {
			t.Errorf("%s came back as %d in version %d", key, o.id(), o.number("version"))
		}
	}
	if diff := cmp.Diff(before, [2]map[string]object{still(l.rest.routines(t, staying)), still(l.rest.replications(t, staying))}); diff != "" {
		t.Errorf("the other endpoint changed:\n%s", diff)
	}
}
