package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"

	"github.com/proxops/proxops/services/api/admin"
)

// meter tells a person, or a file, how a sync job goes: a bar on a terminal with what goes wrong above it, else the lines of the job's log.
type meter struct {
	out io.Writer
	id  int32
	bar *progressbar.ProgressBar // nil: lines
}

func newMeter(out *os.File, id int32) *meter {
	m := &meter{out: out, id: id}
	if isatty.IsTerminal(out.Fd()) {
		m.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(fmt.Sprintf("sync job %d", id)),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(40), progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(50*time.Millisecond))
	}
	return m
}

// progress shows how far the job is.
func (m *meter) progress(p admin.SyncProgress) {
	if m.bar == nil {
		for _, l := range p.Lines {
			m.line(l)
		}
		return
	}
	for _, l := range p.Lines {
		if l.Level == "warning" || l.Level == "error" {
			_ = m.bar.Clear() // a terminal that is gone needs no bar
			m.line(l)
		}
	}
	if p.Total > 0 {
		m.bar.ChangeMax(p.Total)
		_ = m.bar.Set(p.Done)
	}
	if p.Ended() && len(p.Lines) > 0 {
		_ = m.bar.Clear()
		m.line(p.Lines[len(p.Lines)-1])
	}
}

func (m *meter) line(l admin.SyncLine) {
	_, _ = fmt.Fprintf(m.out, "%s %-7s %s\n", l.Time.UTC().Format("15:04:05.000"), l.Level, l.Message)
}

func (m *meter) close() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
}
