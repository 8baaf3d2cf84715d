package syncjob_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/syncjob"
)

func TestCreateMakesAPartForEachEndpointAndKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		endpoints   []int32
		asked, want string
		log         string
	}{
		"all that are enabled": {nil, "{}", "alpha pending, alpha pending, beta pending, beta pending", "info asked for by ada: backup-routines, replications of 2 endpoints"},
		"one":                  {[]int32{2}, "{2}", "beta pending, beta pending", "info asked for by ada: backup-routines, replications of one endpoint"},
		"one of them disabled": {[]int32{3, 1}, "{1,3}", "alpha pending, alpha pending, gamma failed, gamma failed", "info asked for by ada: backup-routines, replications of 2 endpoints"},
		"one twice":            {[]int32{2, 2}, "{2}", "beta pending, beta pending", "info asked for by ada: backup-routines, replications of one endpoint"},
		"one that is gone":     {[]int32{2, 99}, "{2,99}", "beta pending, beta pending", "info asked for by ada: backup-routines, replications of one endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newJobsLab(t)
			id := l.create(c.endpoints...)
			if got := l.parts(id); got != c.want {
				t.Errorf("parts %s, want %s", got, c.want)
			}
			if got := l.log(id); got != c.log {
				t.Errorf("log %s, want %s", got, c.log)
			}
			if got := l.text(`SELECT endpoint_ids::text FROM jobs WHERE id = $1`, id); got != c.asked {
				t.Errorf("endpoints %s, want %s", got, c.asked)
			}
			if got := l.status(id) + l.events(id); got != "pending 0" {
				t.Errorf("a new job is %s", got)
			}
		})
	}
}

func TestPartsOfDisabledEndpointsSayWhyTheyFailed(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id := l.create(1, 3)
	got := l.text(`SELECT string_agg(DISTINCT error_kind || '/' || error_text || '/' || remedy || '/' || (completed IS NOT NULL), ' ' ORDER BY error_kind || '/' || error_text || '/' || remedy || '/' || (completed IS NOT NULL))
		FROM job_parts WHERE job_id = $1`, id)
	if want := "///false disabled/endpoint gamma is disabled/enable the endpoint/true"; got != want {
		t.Errorf("parts say %q, want %q", got, want)
	}
}

func TestAJobWithoutAnEnabledEndpointIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before    string
		endpoints []int32
	}{
		"all disabled":  {`UPDATE endpoints SET enabled = false`, nil},
		"named one":     {``, []int32{3}},
		"unknown one":   {``, []int32{99}},
		"no endpoints":  {`DELETE FROM endpoint_states; DELETE FROM endpoints`, nil},
		"named and all": {`UPDATE endpoints SET enabled = false`, []int32{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newJobsLab(t)
			l.exec(c.before)
			if _, err := l.tryCreate(c.endpoints...); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "no enabled endpoint") {
				t.Errorf("the answer is %v", err)
			}
			if left := l.text(`SELECT count(*)::text FROM jobs`); left != "0" {
				t.Errorf("%s jobs are left", left)
			}
		})
	}
}

func TestCreateNotesWhatTheJobBelongsTo(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	var id int32
	err := l.inTx(func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(t.Context(), tx, syncjob.New{
			Name: strings.Repeat("ü", 300), Kinds: []string{"inventory"}, Endpoints: []int32{1}, ObjectType: change.ProxmoxEndpoint, ObjectID: 1, RequestID: request,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.text(`SELECT length(name) || ' ' || object_type_id || ' ' || object_id || ' ' || user_name || ' ' || (user_id IS NULL) || ' ' || kinds::text FROM jobs`); got != "200 3 1  true {inventory}" {
		t.Errorf("the job is %s", got)
	}
	if got := l.log(id); got != "info asked for by the shell: inventory of one endpoint" {
		t.Errorf("log %s", got)
	}
}

// A job that is asked for while an endpoint is disabled sees it enabled, before that, or disabled, after it: never neither.
func TestCreateWaitsForWhoHoldsAnEndpoint(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	holder, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), `UPDATE endpoints SET enabled = false WHERE id = 2`); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	var id int32
	done.Go(func() { id, err = l.tryCreate(1, 2) })
	l.awaitLock()
	if err := holder.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.parts(id), "alpha pending, alpha pending, beta failed, beta failed"; got != want {
		t.Errorf("parts %s, want %s", got, want)
	}
}
