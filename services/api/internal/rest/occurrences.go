package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// occurrencesPath is where the coming runs of jobs are.
const occurrencesPath = "/api/plugins/proxbox/occurrences/"

// offerICS is the form for programs that show calendars.
var offerICS = offer{occurrence.ICal, []string{"ics"}}

const (
	// maxOccurrences bounds an answer.
	maxOccurrences = 20_000
	day            = 24 * time.Hour
	// defaultRange is how far an answer looks, and defaultFeed a calendar, whose address is always the same.
	defaultRange = 7 * day
	defaultFeed  = 31 * day
)

// occurrenceParameters are what beside filters.
var occurrenceParameters = []string{"after", "before", "days", "kind", "include", "format", "limit"}

type occurrenceBody struct {
	Count     int            `json:"count"`
	Next      *string        `json:"next"` // clients of NetBox follow it
	Previous  *string        `json:"previous"`
	Results   []occurrenceOf `json:"results"`
	Unplaced  []unplacedJob  `json:"unplaced"`
	Truncated bool           `json:"truncated"`
}

type occurrenceOf struct {
	Time        string          `json:"time"`
	Until       *string         `json:"until"`
	Kind        string          `json:"kind"`
	ObjectID    int64           `json:"object_id"`
	Object      json.RawMessage `json:"object"`
	EndpointID  *int64          `json:"endpoint_id"`
	Zone        string          `json:"zone"`
	ZoneAssumed bool            `json:"zone_assumed"`
	PerDay      int             `json:"per_day"`
	Text        string          `json:"text"`
}

type unplacedJob struct {
	Kind       string          `json:"kind"`
	ObjectID   int64           `json:"object_id"`
	Object     json.RawMessage `json:"object"`
	EndpointID *int64          `json:"endpoint_id"`
	Schedule   string          `json:"schedule"`
	Reason     string          `json:"reason"`
}

// occurrencesRoute tells the coming runs of jobs to whoever may view any kind of them.
func (a *API) occurrencesRoute() *route {
	routines, replications := a.Store.Set.Get(catalog.Routines), a.Store.Set.Get(catalog.Replications)
	doc := occurrencesDoc(routines, replications)
	rt := &route{allow: readMethods, anyOf: []*resource.Resource{routines, replications}, offers: []offer{offerJSON, offerHTML, offerICS}, feed: true, doc: doc}
	rt.handle = func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{"Occurrences", doc[http.MethodGet].Description, []string{offerJSON.media, offerICS.media}, parses})), nil
		}
		known, err := occurrence.Filtered(ctx, a.Store, q.params)
		if err != nil {
			return response{}, err
		}
		if names := q.unknown(func(name string) bool { return known[name] || slices.Contains(occurrenceParameters, name) }); names != "" {
			q.w.Header().Set(ignoredHeader, names)
		}
		now := time.Now()
		want, err := q.occurrences(now)
		if err != nil {
			return response{}, err
		}
		at := q.at
		if q.isFeed(rt) {
			at.Suffix = ""
		}
		plan, err := occurrence.Find(ctx, a.Store, q.actor(), at, want)
		if err != nil {
			return response{}, err
		}
		entries, err := plan.Entries(ctx, 0, maxOccurrences)
		if err != nil {
			return response{}, err
		}
		if q.isFeed(rt) {
			return response{
				status: http.StatusOK, body: occurrence.Calendar(entries, now, q.at.Origin), media: offerICS.media + "; charset=utf-8",
				header: map[string]string{"Content-Disposition": `inline; filename="proxops.ics"`},
			}, nil
		}
		body, err := occurrencesOf(ctx, plan, entries)
		return ok(encode(body)), err
	}
	return rt
}

// occurrences reads which runs a client asks for.
func (q *request) occurrences(now time.Time) (want occurrence.Query, err error) {
	var wrong resource.Errors
	moment := func(name string, otherwise time.Time) time.Time {
		v := resource.Last(q.params[name])
		if v == "" {
			return otherwise
		}
		at, ok := resource.ParseTime(v)
		if !ok {
			wrong.Add(name, "Enter a valid date/time.")
		}
		return at
	}
	reach := defaultRange
	if q.media == offerICS.media {
		reach = defaultFeed
	}
	if v := resource.Last(q.params["days"]); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > int(occurrence.MaxRange/day) {
			wrong.Add("days", "Enter a whole number from 1 to "+strconv.Itoa(int(occurrence.MaxRange/day))+".")
		}
		reach = time.Duration(n) * day
	}
	want = occurrence.Query{Now: now, After: moment("after", now), Filters: url.Values{}}
	want.Before = moment("before", want.After.Add(reach))
	if wrong.None() && !want.Before.After(want.After) {
		wrong.Add("before", "It has to be later than after.")
	}
	if wrong.None() && want.Before.Sub(want.After) > occurrence.MaxRange {
		wrong.Add("before", "It may be at most "+strconv.Itoa(int(occurrence.MaxRange/day))+" days after after.")
	}
	for _, v := range q.params["kind"] {
		switch kind, known := kindNames[v]; {
		case known && kind != live.Sync:
			want.Kinds = append(want.Kinds, kind)
		case v != "":
			wrong.Add("kind", noChoice(v))
		}
	}
	for v := range strings.SplitSeq(strings.Join(q.params["include"], ","), ",") {
		switch v {
		case "disabled":
			want.Disabled = true
		case "stale":
			want.Stale = true
		case "":
		default:
			wrong.Add("include", noChoice(v))
		}
	}
	for name, values := range q.params {
		if !slices.Contains(occurrenceParameters, name) {
			want.Filters[name] = values
		}
	}
	return want, wrong.Err()
}

func occurrencesOf(ctx context.Context, plan *occurrence.Plan, entries []occurrence.Entry) (occurrenceBody, error) {
	body := occurrenceBody{Count: plan.Count(), Results: []occurrenceOf{}, Unplaced: []unplacedJob{}}
	unplaced := plan.Unplaced[:min(len(plan.Unplaced), maxOccurrences)]
	body.Truncated = plan.Truncated || body.Count > maxOccurrences || len(unplaced) < len(plan.Unplaced)
	briefs := map[*occurrence.Job]json.RawMessage{}
	brief := func(j *occurrence.Job) json.RawMessage {
		if briefs[j] == nil {
			briefs[j] = j.Brief()
		}
		return briefs[j]
	}
	for _, e := range entries {
		o := occurrenceOf{
			Time: e.At.UTC().Format(time.RFC3339), Kind: e.Kind, ObjectID: e.ID, Object: brief(e.Job), EndpointID: endpointOf(e.Job), Zone: e.Zone.String(),
			ZoneAssumed: e.Assumed, PerDay: e.Runs, Text: e.Text,
		}
		if e.Repeats() {
			o.Until = new(e.Last.UTC().Format(time.RFC3339))
		}
		body.Results = append(body.Results, o)
	}
	refs := make([]occurrence.Ref, len(unplaced))
	for i, u := range unplaced {
		refs[i] = u.Ref
	}
	jobs, err := plan.Describe(ctx, refs)
	if err != nil {
		return body, err
	}
	for _, u := range unplaced {
		if j := jobs[u.Ref]; j != nil {
			body.Unplaced = append(body.Unplaced, unplacedJob{
				Kind: j.Kind, ObjectID: j.ID, Object: brief(j), EndpointID: endpointOf(j), Schedule: j.Schedule, Reason: u.Reason,
			})
		}
	}
	return body, nil
}

func endpointOf(j *occurrence.Job) *int64 {
	if j.EndpointID == 0 {
		return nil
	}
	return &j.EndpointID
}
