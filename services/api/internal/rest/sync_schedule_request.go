package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// wantedSchedule is what a request wants to be synchronised and when, and what is wrong with it as far as that is seen without the database.
type wantedSchedule struct {
	wantedSync

	ids     []int64    // of endpoints; none: all
	at      *time.Time // the first run; nil: now
	minutes int64      // between runs; zero: there is one
}

// Keys of a request for a schedule, as the plugin has them.
const (
	keyTypes      = "sync_types"
	keyName       = "job_name"
	keyAt         = "schedule_at"
	keyValue      = "interval_value"
	keyUnit       = "interval_unit"
	keyRecurrence = "recurrence"
	keyEndpoints  = "proxmox_endpoint_ids"
	keyNetBoxes   = "netbox_endpoint_ids"
)

var scheduleKeys = []string{keyTypes, keyName, keyAt, keyValue, keyUnit, keyRecurrence, keyEndpoints, keyNetBoxes}

// units are those of intervals, in minutes.
var units = map[string]int64{"minutes": 1, "hours": 60, "days": 24 * 60, "weeks": 7 * 24 * 60}

// readSchedule reads the body of a request. Null is as good as nothing.
func (a *API) readSchedule(q *request) (want wantedSchedule, err error) {
	body, err := moderate.read(q.w, q.http)
	if err != nil {
		return want, err
	}
	if form, is := body.(resource.FormData); is {
		body = ofForm(form, keyTypes, keyEndpoints, keyNetBoxes)
	}
	given, isObject := body.(map[string]any)
	if !isObject {
		return want, resource.NotAnObject(body)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(scheduleKeys, key) {
			want.wrong.Add(key, "Unknown field.")
		}
	}
	want.readTypes(given[keyTypes])
	name, isText := given[keyName].(string)
	if given[keyName] != nil && (!isText || strings.TrimSpace(name) != "") {
		var wrong []string
		if want.name, wrong = (resource.Char{Max: maxJobName}).ReadText(given[keyName]); wrong != nil {
			want.wrong.Add(keyName, wrong...)
		}
	}
	want.readTime(a.Store.Set.Get(catalog.SyncSchedules), given[keyAt])
	want.readInterval(given)
	want.ids = want.readIDs(keyEndpoints, given[keyEndpoints])
	want.readIDs(keyNetBoxes, given[keyNetBoxes]) // there is one of these, and it is this one
	return want, want.wrong.Err()
}

func (w *wantedSchedule) readTypes(v any) {
	list, isList := v.([]any)
	switch {
	case v == nil:
		return
	case !isList || len(list) == 0:
		w.wrong.Add(keyTypes, "Name at least one sync type in a list, or leave it out.")
		return
	}
	var unknown []string
	for _, e := range list {
		name, _ := e.(string)
		if _, known := syncjob.KindOf(name); !known && name != syncjob.All {
			unknown = append(unknown, resource.PythonRepr(e))
		}
		w.types = append(w.types, name)
	}
	switch {
	case unknown != nil:
		w.wrong.Add(keyTypes, "Invalid sync type(s): ["+strings.Join(unknown, ", ")+"]")
	case slices.Contains(w.types, syncjob.All) && len(w.types) > 1:
		w.wrong.Add(keyTypes, `Cannot combine "all" with other sync types.`)
	}
}

func (w *wantedSchedule) readTime(schedules *resource.Resource, v any) {
	if v == nil || v == "" {
		return
	}
	values, err := schedules.CheckInput(map[string]any{"first_run": v}, false)
	if wrong, ok := errors.AsType[resource.Errors](err); ok {
		w.wrong.Join(wrong.Renamed(map[string]string{"first_run": keyAt}))
		return
	}
	at, _ := values["first_run"].(time.Time)
	if !at.After(time.Now()) {
		w.wrong.Add(keyAt, "Scheduled time must be in the future.")
	}
	w.at = &at
}

// readInterval reads a number and its unit from two keys, or from one object.
func (w *wantedSchedule) readInterval(given map[string]any) {
	value, unit, key := given[keyValue], given[keyUnit], keyValue
	recurrence, isObject := given[keyRecurrence].(map[string]any)
	switch {
	case given[keyRecurrence] == nil:
		if (value == nil) != (unit == nil) {
			w.wrong.Add(map[bool]string{true: keyValue, false: keyUnit}[value == nil], "interval_value and interval_unit must be provided together.")
			return
		}
	case value != nil || unit != nil:
		w.wrong.Add(keyRecurrence, "Give recurrence, or interval_value and interval_unit, not both.")
		return
	case !isObject || len(recurrence) != 1:
		w.wrong.Add(keyRecurrence, "Recurrence must contain exactly one unit/value member.")
		return
	default:
		key = keyRecurrence
		for u, v := range recurrence {
			value, unit = v, u
		}
	}
	if value == nil && unit == nil {
		return
	}
	name, _ := unit.(string)
	factor := units[name]
	if factor == 0 {
		w.wrong.Add(map[bool]string{true: keyUnit, false: keyRecurrence}[key == keyValue], fmt.Sprintf("%s is not a valid choice.", resource.PythonString(unit)))
		return
	}
	n, wrong := (resource.Integer{Min: 1, Max: catalog.MaxInterval / factor}).ReadInt(value)
	if wrong != nil {
		w.wrong.Add(key, wrong...)
	}
	w.minutes = n * factor
}

// readIDs reads ids, each once.
func (w *wantedSchedule) readIDs(key string, v any) (ids []int64) {
	list, isList := v.([]any)
	switch {
	case v == nil:
		return nil
	case !isList || len(list) == 0:
		w.wrong.Add(key, "Name at least one ID in a list, or leave it out to select all endpoints.")
		return nil
	}
	for _, e := range list {
		text, _ := e.(string)
		if number, ok := e.(json.Number); ok {
			text = number.String()
		}
		id, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || id < 1:
			w.wrong.Add(key, "A valid integer is required.")
			return nil
		case !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	return ids
}
