package web

import (
	"context"
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/occurrence"
)

// comingRuns is how many runs the page of a job shows.
const comingRuns = 10

// comingPanel shows when a job runs next, by the clock of its cluster (see tellClocks) and by that of who looks.
func comingPanel(kind string) func(context.Context, *page, *sheet) ([]templ.Component, error) {
	return func(_ context.Context, p *page, s *sheet) ([]templ.Component, error) {
		stale := s.o.choice("status") == "stale"
		own, _ := parseMoment(s.o.text("next_run"))
		if stale {
			own = time.Time{}
		}
		now := time.Now()
		c := occurrence.Next(s.o.text("schedule"), s.o.text("zone"), own, now, comingRuns)
		off := inert(s.o)
		if off != "" {
			off = "It does not run: " + off + "."
		}
		if stale {
			c.Runs, c.Reason = nil, ""
		}
		return []templ.Component{comingCard(p, c, now, off, calendarPath+"?kind="+kind+"&id="+s.o.id())}, nil
	}
}

// ahead says how far away a time is.
func ahead(d time.Duration) string {
	switch minutes := int(d.Round(time.Minute) / time.Minute); {
	case minutes < 1:
		return "in a moment"
	case minutes < 120:
		return fmt.Sprintf("in %d min", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("in %d h %02d min", minutes/60, minutes%60)
	default:
		return fmt.Sprintf("in %d days", (minutes+12*60)/(24*60))
	}
}
