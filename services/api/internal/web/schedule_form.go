package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Ways in which a schedule repeats, as the form names them.
const (
	repeatNever    = "once"
	repeatInterval = "interval"
	repeatCalendar = "calendar"
)

// localTime is how browsers write a time of a place.
const localTime = "2006-01-02T15:04"

// scheduleForm is the form of a sync schedule. A first run is meant in the time zone of the schedule.
type scheduleForm struct {
	r        *resource.Resource
	o        object // as it is, nil for a new one
	title    string
	given    url.Values
	wrong    map[string][]string
	from     string // where endpoints are picked
	tagsFrom string
	shown    string // what the controls held before anybody touched them

	custom      []formField
	customShown string
}

// scheduleShown is the control that says what the others held.
const scheduleShown = "_was"

// schedule makes or changes a sync schedule.
func (w *Web) schedule(r *resource.Resource, add bool) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		action := resource.Change
		if add {
			action = resource.Add
		}
		if !p.may(r, action) {
			return answer{}, resource.ErrForbidden
		}
		f := &scheduleForm{r: r, title: "Add a sync schedule", from: p.pathTo("proxmox-endpoints"), tagsFrom: p.pathTo("tags")}
		from, err := p.scheduleFrom(ctx, f, add)
		if err != nil {
			return answer{}, err
		}
		if p.http.Method != "POST" {
			f.given = valuesOf(from)
			if from == nil {
				f.given = url.Values{"enabled": {"true"}, "repeat": {repeatInterval}, "count": {"1"}, "unit": {"60"}, "missed": {"run"}}
			}
			if f.custom, err = p.customFields(ctx, r, from, nil, add); err != nil {
				return answer{}, err
			}
			f.shown, f.customShown = f.given.Encode(), shown(f.custom)
			return answer{title: f.title, body: scheduleFormPage(p, f)}, nil
		}
		f.given, f.shown, f.customShown = p.http.PostForm, p.http.PostForm.Get(scheduleShown), p.http.PostForm.Get(shownName)
		if f.custom, err = p.customFields(ctx, r, f.o, f.given, add); err != nil {
			return answer{}, err
		}
		return p.saveSchedule(ctx, f)
	}
}

// scheduleFrom is the schedule whose values the form begins with: the one that is changed or cloned, nil for none.
func (p *page) scheduleFrom(ctx context.Context, f *scheduleForm, add bool) (object, error) {
	if !add {
		o, err := p.get(ctx, f.r)
		if err == nil {
			f.o, f.title = o, "Edit "+o.name()
		}
		return o, err
	}
	id := p.http.URL.Query().Get("clone")
	if id == "" {
		return nil, nil
	}
	p.http.SetPathValue("id", id)
	o, err := p.get(ctx, f.r)
	if err == nil {
		delete(o, "name")
	}
	return o, err
}

func (p *page) saveSchedule(ctx context.Context, f *scheduleForm) (answer, error) {
	body, wrong := f.read(time.Now())
	if len(wrong) == 0 && f.o != nil && untouched(body) {
		return answer{to: f.back()}, nil
	}
	if len(wrong) == 0 {
		req := resource.Request{At: p.at(), Actor: p.actor(), Body: body, Partial: true}
		var made resource.Object
		var err error
		if f.o == nil {
			made, err = p.Store.Create(ctx, f.r, req)
		} else {
			made, err = p.Store.Update(ctx, f.r, f.o.number("id"), req)
		}
		if err == nil {
			return answer{to: pathOf(f.r) + strconv.FormatInt(made.ID, 10) + "/"}, nil
		}
		refused, ok := errors.AsType[resource.Errors](err)
		if !ok {
			return answer{}, err
		}
		wrong = beside(f.r, slices.Concat(ownControls(), f.custom), messages(refused))
	}
	f.wrong = wrong
	return answer{status: 400, title: f.title, body: scheduleFormPage(p, f)}, nil
}

// customFields are the controls of custom fields.
func (p *page) customFields(ctx context.Context, r *resource.Resource, o object, given url.Values, isNew bool) ([]formField, error) {
	all, err := p.formFields(ctx, r, o, given, isNew)
	return slices.DeleteFunc(all, func(c formField) bool { return !c.custom }), err
}

// ownControls are the controls of the form itself, by which messages find theirs.
func ownControls() (out []formField) {
	for _, name := range []string{"name", "description", "types", "endpoints", "interval", "calendar", "first_run", "time_zone", "missed", "enabled", "tags", "changelog_message"} {
		out = append(out, formField{name: name, label: words(name)})
	}
	return out
}

// read makes the body of a request of what a person changed.
func (f *scheduleForm) read(now time.Time) (body map[string]any, wrong map[string][]string) {
	body, wrong = readSchedule(f.given, f.o, now)
	if was, err := url.ParseQuery(f.shown); err == nil && f.o != nil && f.shown != "" {
		held, _ := readSchedule(was, f.o, now)
		maps.DeleteFunc(body, func(name string, v any) bool { return reflect.DeepEqual(v, held[name]) })
	}
	custom, bad := readForm(f.custom, f.given, f.o == nil)
	maps.Copy(body, custom)
	maps.Copy(wrong, bad)
	return body, wrong
}

// valuesOf are what the controls of the form hold for a schedule.
func valuesOf(o object) url.Values {
	if o == nil {
		return nil
	}
	v := url.Values{
		"name": {o.text("name")}, "description": {o.text("description")}, "types": o.items("types"), "calendar": {o.text("calendar")}, "time_zone": {o.text("time_zone")},
		"enabled": {strconv.FormatBool(o.flag("enabled"))}, "missed": {o.choiceOrText("missed")}, "repeat": {repeatNever}, "created": {o.text("created")},
	}
	for _, name := range []string{"endpoints", "tags"} {
		v.Set(name, "") // as the form says that there are none
		for _, e := range o.list(name) {
			v.Add(name, e.id())
		}
	}
	switch n := o.number("interval"); {
	case n > 0:
		v.Set("repeat", repeatInterval)
		for _, u := range intervalUnits {
			if n%u.minutes == 0 {
				v.Set("count", strconv.FormatInt(n/u.minutes, 10))
				v.Set("unit", strconv.FormatInt(u.minutes, 10))
				break
			}
		}
	case o.text("calendar") != "":
		v.Set("repeat", repeatCalendar)
	}
	if first, ok := parseMoment(o.text("first_run")); ok {
		if zone, err := time.LoadLocation(o.text("time_zone")); err == nil {
			first = first.In(zone)
		}
		v.Set("first_run", first.Format(localTime))
	}
	return v
}

// readSchedule makes the body of a request of what a person filled in. A first run that is as it was keeps its seconds.
func readSchedule(sent url.Values, was object, now time.Time) (body map[string]any, wrong map[string][]string) {
	times, wrong := readTimes(sent, now)
	body = map[string]any{
		"name": sent.Get("name"), "description": sent.Get("description"), "enabled": sent.Get("enabled") == "true", "missed": cmp.Or(sent.Get("missed"), "run"),
		"types": chosenTypes(sent["types"]), "calendar": times.Calendar, "time_zone": times.Zone, "interval": nil, "first_run": nil,
	}
	for _, name := range []string{"endpoints", "tags"} { // who may not see what to pick has no control for it
		if sent.Has(name) {
			body[name] = references(sent[name])
		}
	}
	if times.Every > 0 {
		body["interval"] = json.Number(strconv.FormatInt(int64(times.Every/time.Minute), 10))
	}
	if times.First != nil {
		body["first_run"] = times.First.Format(time.RFC3339)
	}
	if old := valuesOf(was); was != nil && old.Get("first_run") == sent.Get("first_run") && old.Get("time_zone") == times.Zone {
		body["first_run"] = was["first_run"]
	}
	if m := sent.Get("changelog_message"); m != "" {
		body["changelog_message"] = m
	}
	return body, wrong
}

func chosenTypes(values []string) []any {
	out := []any{}
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	if len(out) == len(syncjob.Types()) { // all of them are none
		return []any{}
	}
	return out
}

func references(values []string) []any {
	out := []any{}
	for _, v := range values {
		switch n, err := strconv.ParseInt(v, 10, 64); {
		case err == nil:
			out = append(out, json.Number(strconv.FormatInt(n, 10)))
		case v != "": // which the API then refuses
			out = append(out, v)
		}
	}
	return out
}

func isChosen(v url.Values, name, value string) bool { return slices.Contains(v[name], value) }

func notEmpty(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

func (f *scheduleForm) back() string {
	if f.o == nil {
		return pathOf(f.r)
	}
	return pathOf(f.r) + f.o.id() + "/"
}
