package project

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// cronContent is what a job of the cron file says, all but its id.
type cronContent struct {
	text    string            // all of it
	aspects map[string]string // what it says about each aspect
}

// aspects are what the fields of a job are about, as far as that is not each field by itself: a job that backs up a pool instead of a list of
// guests has changed once, not twice.
var aspects = map[string]string{
	"starttime": "time", "schedule": "time",
	"all": "guests", "vmid": "guests", "pool": "guests", "exclude": "guests",
}

// weights of the aspects that tell the jobs of a cluster apart. Whatever else they say weighs 1: it is often the same in all of them.
var weights = map[string]int{"time": 2, "guests": 2, "storage": 2, "node": 2}

// identical is the likeness of jobs that say the same.
const identical = 100

// likeness is how much of what two jobs say is the same, by weight: from nothing, 0, to identical.
func likeness(a, b cronContent) int {
	common, all := 0, 0
	for aspect, said := range a.aspects {
		all += weight(aspect)
		if b.aspects[aspect] == said {
			common += weight(aspect)
		}
	}
	for aspect := range b.aspects {
		all += weight(aspect)
	}
	if all == 0 {
		return 0
	}
	return identical * 2 * common / all
}

func weight(aspect string) int {
	if w, ok := weights[aspect]; ok {
		return w
	}
	return 1
}

// readCron reads the configuration of a job of the cron file. A job with a type is none: it keeps its id, whatever that looks like.
func readCron(raw []byte) (cronContent, bool) {
	var config map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&config); err != nil || len(config) == 0 {
		return cronContent{}, false
	}
	if _, typed := config["type"]; typed {
		return cronContent{}, false
	}
	delete(config, "id")
	config, _ = strip(config).(map[string]any)
	c := cronContent{aspects: map[string]string{}}
	for _, field := range slices.Sorted(maps.Keys(config)) {
		value, err := json.Marshal(config[field])
		if err != nil {
			return cronContent{}, false
		}
		aspect := field
		if a, ok := aspects[field]; ok {
			aspect = a
		}
		said := field + ":" + string(value) + "\n"
		c.text += said
		c.aspects[aspect] += said
	}
	return c, true
}
