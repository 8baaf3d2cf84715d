package live

import (
	"time"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/store"
)

// What frames of a job carry. A part is as it stands among the results of the job in REST.
type (
	logLine struct {
		Timestamp *string `json:"timestamp"`
		Level     string  `json:"level"`
		Message   string  `json:"message"`
	}
	counts struct {
		Created     int64 `json:"created"`
		Updated     int64 `json:"updated"`
		Unchanged   int64 `json:"unchanged"`
		Stale       int64 `json:"stale"`
		Reactivated int64 `json:"reactivated"`
		Skipped     int64 `json:"skipped"`
	}
	partData struct {
		EndpointID   int32  `json:"endpoint_id"`
		EndpointName string `json:"endpoint_name"`
		Type         string `json:"type"`
		Status       string `json:"status"`
		counts
		Requests         int32   `json:"requests"`
		DurationMS       int64   `json:"duration_ms"`
		ErrorKind        string  `json:"error_kind"`
		Error            string  `json:"error"`
		Remedy           string  `json:"remedy"`
		MissingPrivilege string  `json:"missing_privilege"`
		Attempts         int16   `json:"attempts"`
		Started          *string `json:"started"`
		Completed        *string `json:"completed"`
	}
	jobData struct {
		ID        int32   `json:"id"`
		Status    string  `json:"status"`
		Started   *string `json:"started"`
		Completed *string `json:"completed"`
		Error     string  `json:"error"`
		Counts    counts  `json:"counts"`
		Done      int     `json:"done"`
		Total     int     `json:"total"`
	}
	endData struct {
		ID     int32  `json:"id"`
		Status string `json:"status"`
	}
)

func (r *reading) jobFrame() []byte {
	d := jobData{ID: r.job.ID, Status: r.job.Status, Started: stamp(r.job.Started), Completed: stamp(r.job.Completed), Error: r.job.Error, Total: len(r.parts)}
	for _, p := range r.parts {
		if p.Status != "pending" && p.Status != "running" {
			d.Done++
		}
		c := countsOf(p)
		d.Counts.Created += c.Created
		d.Counts.Updated += c.Updated
		d.Counts.Unchanged += c.Unchanged
		d.Counts.Stale += c.Stale
		d.Counts.Reactivated += c.Reactivated
		d.Counts.Skipped += c.Skipped
	}
	return frame("job", "", d)
}

func partFrame(p store.LivePartsRow) []byte {
	return frame("part", "", partData{
		EndpointID: p.EndpointID, EndpointName: p.EndpointName, Type: syncjob.TypeOf(p.Kind), Status: p.Status, counts: countsOf(p), Requests: p.Requests,
		DurationMS: p.DurationMs, ErrorKind: p.ErrorKind, Error: p.ErrorText, Remedy: p.Remedy, MissingPrivilege: p.MissingPrivilege,
		Attempts: p.Attempts, Started: stamp(p.Started), Completed: stamp(p.Completed),
	})
}

func countsOf(p store.LivePartsRow) counts {
	return counts{int64(p.Created), int64(p.Updated), int64(p.Unchanged), int64(p.Stale), int64(p.Reactivated), int64(p.Skipped)}
}

// stamp writes a time as REST does.
func stamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	layout := "2006-01-02T15:04:05.000000Z"
	if t.Nanosecond() == 0 {
		layout = "2006-01-02T15:04:05Z"
	}
	return new(t.UTC().Format(layout))
}
