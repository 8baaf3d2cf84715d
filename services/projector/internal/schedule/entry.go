package schedule

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/tick"
)

// entry is a schedule that is wanted.
type entry struct {
	subject  string
	target   string
	pattern  string
	data     []byte
	interval int64 // seconds
	phase    int64 // seconds after a multiple of the interval
	at       time.Time
	replaces tick.Schedule
}

func newEntry(row store.ScheduleWantedRow) (entry, error) {
	id := int64(row.ID)
	target, data, err := tick.Task(row.Site, id)
	if err != nil {
		return entry{}, err
	}
	e := entry{
		subject:  subjects.Schedule(id),
		target:   target,
		data:     data,
		interval: int64(row.PollInterval),
		phase:    phase(id, int64(row.PollInterval)),
	}
	e.pattern = pattern(e.interval, e.phase)
	return e, nil
}

// phase spreads endpoints evenly over their interval, the same way at every start.
func phase(endpoint, interval int64) int64 {
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendInt(nil, endpoint, 10))
	return int64(h.Sum64()>>1) % interval
}

// pattern returns how the server is told to fire every interval. It knows cron with seconds, whose ticks stay where they are whatever happens
// to the server; and "@every", which counts from the last tick, or, when that was missed, from the end of the outage. So cron is used for
// every interval that divides the minute, the hour or the day; an odd one keeps its phase only as long as the server runs.
func pattern(interval, phase int64) string {
	switch {
	case 60%interval == 0:
		return field(phase, interval, 60) + " * * * * *"
	case interval%60 == 0 && 3600%interval == 0:
		return fmt.Sprintf("%d %s * * * *", phase%60, field(phase/60, interval/60, 60))
	case interval%3600 == 0 && 86400%interval == 0:
		return fmt.Sprintf("%d %d %s * * *", phase%60, phase/60%60, field(phase/3600, interval/3600, 24))
	}
	return every + (time.Duration(interval) * time.Second).String()
}

const every = "@every "

// field is "7/20", from 7 on every 20, or just the number when that is once in the period.
func field(first, step, period int64) string {
	if step == period {
		return strconv.FormatInt(first, 10)
	}
	return fmt.Sprintf("%d/%d", first, step)
}

// start is when the schedule is to be written: at once, but one that counts from its writing at the endpoint's next phase.
func (e *entry) start(now time.Time) time.Time {
	if e.pattern[0] != every[0] {
		return now
	}
	since := (now.Unix() - e.phase) % e.interval
	return time.Unix(now.Unix()-since+e.interval, 0)
}

func same(s tick.Schedule, e entry) bool {
	return s.Target == e.target && s.Pattern == e.pattern && s.Rollup == jetstream.MsgRollupSubject && bytes.Equal(s.Data, e.data)
}
