package e2e

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
)

const (
	jobsPath = "/api/core/jobs/"
	syncPath = pluginPath + "sync/"
)

// sync asks for a sync and returns the job as it is then.
func (r *rest) sync(t *testing.T, body object) object {
	t.Helper()
	return r.post(t, syncPath, body)
}

// ended waits for the end of a job and returns it.
func (r *rest) ended(t *testing.T, job object) object {
	t.Helper()
	var now object
	eventually(t, "the end of job "+job.text("name"), func() error {
		now = r.get(t, jobPath(job))
		switch now.choice("status") {
		case "completed", "errored", "failed":
			return nil
		}
		return errors.New("it is " + now.choice("status"))
	})
	return now
}

// completed waits for the end of a job, which must be a good one.
func (r *rest) completed(t *testing.T, job object) object {
	t.Helper()
	now := r.ended(t, job)
	if now.choice("status") != "completed" || now.text("error") != "" {
		t.Fatalf("job %s is %s: %s\n%v", now.text("name"), now.choice("status"), now.text("error"), now["log_entries"])
	}
	return now
}

func jobPath(job object) string { return jobsPath + strconv.Itoa(job.id()) + "/" }

// results are the parts of a job, "name type" to the part.
func results(job object) map[string]object {
	out := map[string]object{}
	list, _ := job.sub("data")["results"].([]any)
	for _, one := range list {
		p := object(one.(map[string]any))
		out[p.text("endpoint_name")+" "+p.text("type")] = p
	}
	return out
}

// tally is what a part or a whole job says it changed.
type tally struct{ created, updated, unchanged, stale, reactivated int }

func tallyOf(o object) tally {
	return tally{o.number("created"), o.number("updated"), o.number("unchanged"), o.number("stale"), o.number("reactivated")}
}

// changed counts what syncs really changed of the jobs of an endpoint after a change, by the change log.
func (l *lab) changed(ctx context.Context, e *endpoint, kind string, after int64) (c tally, err error) {
	objectType := map[string]int{"backup-routines": 1, "replications": 2}[kind]
	err = l.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE event = 'created'), count(*) FILTER (WHERE event = 'updated'), count(*) FILTER (WHERE event = 'stale'),
			count(*) FILTER (WHERE event = 'reactivated')
		FROM changes WHERE endpoint_id = $1 AND object_type_id = $2 AND cause = 'sync' AND id > $3`, e.id, objectType, after).
		Scan(&c.created, &c.updated, &c.stale, &c.reactivated)
	if err != nil {
		return c, fmt.Errorf("count the changes of %s: %w", e.name, err)
	}
	return c, nil
}

// lastChange is the id of the last row of the change log.
func (l *lab) lastChange(t *testing.T) (id int64) {
	t.Helper()
	if err := l.pool.QueryRow(t.Context(), `SELECT coalesce(max(id), 0) FROM changes`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// honest holds what the parts of a job say against the change log since a change.
func (l *lab) honest(t *testing.T, job object, after int64, all ...*endpoint) {
	t.Helper()
	parts := results(job)
	var sum tally
	for _, e := range all {
		for _, kind := range []string{"backup-routines", "replications"} {
			part := parts[e.name+" "+kind]
			if part == nil {
				continue
			}
			said := tallyOf(part)
			was, err := l.changed(t.Context(), e, kind, after)
			if err != nil {
				t.Fatal(err)
			}
			was.unchanged = said.unchanged
			if said != was {
				t.Errorf("%s, %s: the job says %+v, the change log %+v", e.name, kind, said, was)
			}
		}
	}
	for _, part := range parts {
		p := tallyOf(part)
		sum = tally{sum.created + p.created, sum.updated + p.updated, sum.unchanged + p.unchanged, sum.stale + p.stale, sum.reactivated + p.reactivated}
	}
	if said := tallyOf(job.sub("data").sub("counts")); said != sum {
		t.Errorf("the job says %+v, its parts together %+v", said, sum)
	}
}
