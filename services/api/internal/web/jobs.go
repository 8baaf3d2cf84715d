package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// syncRoutes are the pages about syncs and what they found.
func (w *Web) syncRoutes(e *gin.Engine) {
	base := func(name string) string { return pathOf(w.Store.Set.Get(name)) }
	jobs, schedules := base(catalog.Jobs), base(catalog.SyncSchedules)
	e.POST(syncNowPath, w.page(w.syncNow))
	e.GET(jobs+":id/cancel/", w.page(w.cancelJob))
	e.POST(jobs+":id/cancel/", w.page(w.cancelJob))
	e.GET(schedules+"preview/", w.page(w.previewSchedule))
	e.POST(schedules+":id/run/", w.page(w.runSchedule))
	e.POST(schedules+":id/enable/", w.page(w.switchSchedule(true)))
	e.POST(schedules+":id/disable/", w.page(w.switchSchedule(false)))
	e.GET(base("virtual-machines")+":id/proxbox/", w.page(w.proxbox))
	e.GET("/search/", w.page(w.search))
}

// jobSheet is the page of a sync job.
type jobSheet struct {
	view      view
	o         object
	data      object // what was asked for and what came of it
	results   []object
	done      int
	open      bool // it will change
	planned   bool // it stands for the next run of a schedule
	mayCancel bool
	mayStart  bool
	schedule  object // that began it, if who looks may see it
}

func (j *jobSheet) base(p *page) string {
	return pathOf(p.Store.Set.Get(catalog.Jobs)) + j.o.id() + "/"
}

// repeated says that the next part is of the same endpoint, and failed for the same reason.
func (j *jobSheet) repeated(i int) bool {
	if i+1 >= len(j.results) {
		return false
	}
	for _, name := range []string{"endpoint_id", "error_kind", "error", "remedy", "missing_privilege"} {
		if j.results[i].text(name) != j.results[i+1].text(name) {
			return false
		}
	}
	return true
}

// job shows a sync job, which the browser then follows while it runs.
func (w *Web) job(r *resource.Resource) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		o, err := p.get(ctx, r)
		if err != nil {
			return answer{}, err
		}
		if err := summariseJobs(ctx, p, []object{o}); err != nil {
			return answer{}, err
		}
		j := &jobSheet{view: viewOf(r), o: o, data: o.sub("data"), results: o.sub("data").list("results"), mayStart: p.allowed(r, resource.Add)}
		j.planned, j.open = prospects(o)
		for _, part := range j.results {
			if !slices.Contains([]string{"pending", "running"}, part.text("status")) {
				j.done++
			}
		}
		if j.open {
			err := w.Store.Admit(ctx, r, p.actor(), resource.Delete, o.number("id"))
			if kind := fault.KindOf(err); err != nil && kind != fault.Denied && kind != fault.NotFound {
				return answer{}, err
			}
			j.mayCancel = err == nil
		}
		if j.schedule, err = p.visibleOne(ctx, catalog.SyncSchedules, o.text("schedule")); err != nil {
			return answer{}, err
		}
		if p.part() == wholeJob {
			return answer{body: jobPage(p, j), bare: true}, nil
		}
		return answer{title: o.name(), body: jobPage(p, j)}, nil
	}
}

// wholeJob is all of the page of a job, which is asked for again when the job begins, and when it has ended.
const wholeJob = "job"

// visibleOne is the object of a list with this id, nil if who looks may not see it, or if there is none.
func (p *page) visibleOne(ctx context.Context, name, id string, fields ...string) (object, error) {
	if id == "" || !p.sees(name) {
		return nil, nil
	}
	found, err := p.read(ctx, name, url.Values{"id": {id}, "limit": {"1"}}, append([]string{"id", "url", "display"}, fields...)...)
	if err != nil || len(found.list("results")) == 0 {
		return nil, err
	}
	return found.list("results")[0], nil
}

// prospects says of a job whether it stands for the next run of a schedule, and whether it will change.
func prospects(job object) (planned, open bool) {
	status := job.choice("status")
	planned = status == "scheduled"
	return planned, planned || status == "pending" || status == "running"
}

// cancelJob asks whether a job is to be ended, and ends it, as the API does.
func (w *Web) cancelJob(ctx context.Context, p *page) (answer, error) {
	id, err := p.objectID()
	if err != nil {
		return answer{}, err
	}
	jobs := w.Store.Set.Get(catalog.Jobs)
	if err := w.Store.Admit(ctx, jobs, p.actor(), resource.Delete, id); err != nil {
		return answer{}, err
	}
	if p.http.Method != http.MethodPost {
		o, err := p.get(ctx, jobs)
		if err != nil {
			return answer{}, err
		}
		j := &jobSheet{view: viewOf(jobs), o: o}
		j.planned, j.open = prospects(o)
		if p.part() == askPart {
			return answer{body: templ.Join(askHead(j.question()), cancelForm(p, j)), bare: true}, nil
		}
		return answer{title: j.question(), body: cancelPage(p, j)}, nil
	}
	if _, _, err := w.Syncs.Cancel(ctx, id, p.who.Username); err != nil {
		return answer{}, err
	}
	return answer{to: fmt.Sprintf("%s%d/", pathOf(jobs), id)}, nil
}

// question is what cancelling a job asks.
func (j *jobSheet) question() string {
	if j.planned {
		return "Skip this run?"
	}
	return "Cancel " + j.o.name() + "?"
}

// summariseJobs says of jobs how long they took, what they read, and what came of it.
func summariseJobs(ctx context.Context, p *page, rows []object) error {
	ids := make([]int32, len(rows))
	for i, o := range rows {
		ids[i] = int32(o.number("id"))
	}
	found, err := p.Queries.JobSummaries(ctx, ids)
	if err != nil {
		return fmt.Errorf("summarise sync jobs for a page: %w", err)
	}
	now := time.Now()
	for _, s := range found {
		o := rows[slices.Index(ids, s.ID)]
		o["duration"] = lasting(o, now)
		o["types"] = typesText(s.Kinds)
		o["endpoints"] = endpointsText(int(s.Named), int(s.Endpoints), s.Endpoint)
		o["counts"] = countsText([]int64{s.Created, s.Updated, s.Stale, s.Reactivated, s.Skipped, s.Unchanged})
		o["parts"] = partsText(int(s.Done), int(s.Parts))
	}
	return nil
}

// lasting is how long a job took, or takes so far; "" before it starts.
func lasting(o object, now time.Time) string {
	from, started := parseMoment(o.text("started"))
	if !started {
		return ""
	}
	to, ended := parseMoment(o.text("completed"))
	if !ended {
		to = now
	}
	return durationText(to.Sub(from))
}

// durationText is a duration for people.
func durationText(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d m %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d m", int(d.Hours()), int(d.Minutes())%60)
}

func typesText(kinds []string) string {
	if len(kinds) == len(syncjob.Types()) {
		return "All"
	}
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = words(syncjob.TypeOf(kind))
	}
	return strings.Join(names, ", ")
}

// endpointsText says which endpoints a job reads: what it names, what it had when it began, and what the only one is called.
func endpointsText(named, parts int, name string) string {
	switch {
	case parts == 1:
		return name
	case parts > 1:
		return count(parts)
	case named > 0:
		return count(named)
	}
	return "All enabled"
}

var countNames = []string{"created", "updated", "stale", "reactivated", "skipped", "unchanged"}

// countsText says what changed; the counts come as countNames has them.
func countsText(counts []int64) string {
	var all []string
	for i, n := range counts {
		if n > 0 {
			all = append(all, grouped(n)+" "+countNames[i])
		}
	}
	return strings.Join(all, ", ")
}

func partsText(done, all int) string {
	if all == 0 {
		return ""
	}
	return count(done) + " of " + count(all)
}

// milliseconds is a duration that the API gives in these.
func milliseconds(n int64) string { return durationText(time.Duration(n) * time.Millisecond) }
