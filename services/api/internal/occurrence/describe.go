package occurrence

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// Job is a backup routine or a replication as it is shown.
type Job struct {
	Ref

	Display   string
	URL       string // of the API
	Endpoint  string // what it is called, "" if there is none
	Target    string // the storage of a routine, the node of a replication; "" if there is none
	TargetURL string // of the API, "" if there is none
	raw       json.RawMessage
	brief     resource.Shape
}

// named is a nested object.
type named struct {
	ID      int64  `json:"id"`
	URL     string `json:"url"`
	Display string `json:"display"`
}

// described is how many jobs one statement reads.
const described = 1000

// Describe reads what jobs of a plan are called and where they go, for those that are shown. Jobs that are gone meanwhile, or may no longer be viewed, are
// not among them.
func (p *Plan) Describe(ctx context.Context, refs []Ref) (map[Ref]*Job, error) {
	jobs := make(map[Ref]*Job, len(refs))
	for _, k := range kinds {
		byID := map[int64]Ref{}
		for _, ref := range refs {
			if ref.Kind == k.name {
				byID[ref.ID] = ref
			}
		}
		ids := make([]string, 0, len(byID))
		for id := range byID {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
		for chunk := range slices.Chunk(ids, described) {
			found, err := k.list(ctx, p.asked, chunk)
			if err != nil {
				return nil, err
			}
			for _, j := range found {
				j.Ref = byID[j.ID]
				jobs[j.Ref] = j
			}
		}
	}
	return jobs, nil
}

// list reads jobs by their ids.
func (k kind) list(ctx context.Context, a asked, ids []string) ([]*Job, error) {
	r, whole := a.store.Set.Get(k.resource), *a.store
	whole.Limits = resource.Limits{Default: described, Max: described}
	fields := slices.Clone(k.fields)
	for _, pick := range r.Brief {
		fields = append(fields, pick.Name)
	}
	body, err := whole.List(ctx, r, a.actor, a.at, url.Values{"id": ids, "ordering": {"id"}}, resource.Selection{Fields: fields})
	if err != nil {
		return nil, fmt.Errorf("list %s to tell what they are called: %w", k.resource, err)
	}
	var page struct {
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("read the list of %s: %w", k.resource, err)
	}
	jobs := make([]*Job, len(page.Results))
	for i, raw := range page.Results {
		if jobs[i], err = k.job(raw, r.Brief); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

func (k kind) job(raw json.RawMessage, brief resource.Shape) (*Job, error) {
	var v struct {
		named
		Endpoint, Storage *named
		Target            string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("read a job of the kind %s: %w", k.name, err)
	}
	j := &Job{Ref: Ref{ID: v.ID}, Display: v.Display, URL: v.URL, Target: v.Target, raw: raw, brief: brief}
	if v.Endpoint != nil {
		j.Endpoint = v.Endpoint.Display
	}
	if v.Storage != nil {
		j.Target, j.TargetURL = v.Storage.Display, v.Storage.URL
	}
	return j, nil
}

// Brief is the job as nested objects of the API show it.
func (j *Job) Brief() json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(j.raw, &all) != nil {
		return json.RawMessage("null") // it is our own, and was read before
	}
	b := []byte{'{'}
	for _, pick := range j.brief {
		v, ok := all[pick.Name]
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), pick.Name...), '"', ':'), v...)
	}
	return append(b, '}')
}
