package web

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
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
	draft

	given    url.Values
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
		var o object
		var err error
		if !add {
			if o, err = p.get(ctx, r); err != nil {
				return answer{}, err
			}
		}
		f := &scheduleForm{draft: draftOf(r, o), from: p.pathTo(catalog.Endpoints), tagsFrom: p.pathTo("tags")}
		if p.http.Method == http.MethodPost {
			return p.submitSchedule(ctx, f)
		}
		if add {
			if o, err = p.cloned(ctx, r); err != nil {
				return answer{}, err
			}
			delete(o, "name")
		}
		return p.openSchedule(ctx, f, o)
	}
}

// openSchedule shows the form with the values of a schedule, or those of a usual one.
func (p *page) openSchedule(ctx context.Context, f *scheduleForm, from object) (answer, error) {
	f.given = valuesOf(from)
	if from == nil {
		f.given = url.Values{"enabled": {"true"}, "repeat": {repeatInterval}, "count": {"1"}, "unit": {"60"}, "missed": {"run"}}
	}
	var err error
	if f.custom, err = p.customFields(ctx, f.r, from, nil, f.isNew()); err != nil {
		return answer{}, err
	}
	f.shown, f.customShown = f.given.Encode(), shown(f.custom)
	return answer{title: f.title, body: scheduleFormPage(p, f)}, nil
}

// submitSchedule saves what a person filled in.
func (p *page) submitSchedule(ctx context.Context, f *scheduleForm) (answer, error) {
	f.given, f.shown, f.customShown = p.http.PostForm, p.http.PostForm.Get(scheduleShown), p.http.PostForm.Get(shownName)
	var err error
	if f.custom, err = p.customFields(ctx, f.r, f.o, f.given, f.isNew()); err != nil {
		return answer{}, err
	}
	var body map[string]any
	body, f.wrong = f.read(time.Now())
	return p.save(ctx, &f.draft, body, f.controls(), scheduleFormPage(p, f))
}

// customFields are the controls of custom fields.
func (p *page) customFields(ctx context.Context, r *resource.Resource, o object, given url.Values, isNew bool) ([]formField, error) {
	all, err := p.formFields(ctx, r, o, given, isNew)
	return slices.DeleteFunc(all, func(c formField) bool { return !c.custom }), err
}

// ownControls are the names of the controls of the form itself.
var ownControls = []string{"name", "description", "types", "endpoints", "interval", "calendar", "first_run", "time_zone", "missed", "enabled", "tags", "changelog_message"}

// controls are all controls, by which messages find theirs.
func (f *scheduleForm) controls() []formField {
	out := slices.Clone(f.custom)
	for _, name := range ownControls {
		out = append(out, f.own(name))
	}
	return out
}

// own is a control of the form itself.
func (f *scheduleForm) own(name string) formField {
	c := formField{name: name, label: words(name), kind: "text", max: 200, required: name == "name"}
	switch name {
	case "endpoints":
		c.kind, c.from, c.help = "picks", f.from, "None chosen: all that are enabled when it runs."
	case "tags":
		c.kind, c.from = "picks", f.tagsFrom
	}
	c.take(f.given)
	return c
}

// read makes the body of a request of what a person changed.
func (f *scheduleForm) read(now time.Time) (body map[string]any, wrong map[string][]string) {
	body, wrong = readSchedule(f.given, f.o, now)
	if was, err := url.ParseQuery(f.shown); err == nil && !f.isNew() && f.shown != "" {
		held, _ := readSchedule(was, f.o, now)
		maps.DeleteFunc(body, func(name string, v any) bool { return reflect.DeepEqual(v, held[name]) })
	}
	custom, bad := readForm(f.custom, f.given, f.isNew())
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
	for v := range strings.SplitSeq(strings.Join(values, ","), ",") {
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
