package live

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/proxops/proxops/libs/syncjob"
)

// progress is a job as it was read last, as frames. Each of them knows in which reading it became what it is.
type progress struct {
	rev    int // counts readings; 0: there was none
	status string
	job    dated
	parts  []dated
	lines  []line
	log    tail
}

type dated struct {
	rev   int
	frame []byte
}

type line struct {
	id    int64
	frame []byte
}

// position is what a client has of a progress.
type position struct {
	rev  int
	line int64
}

// since returns the frames that a client at a position lacks, and moves it.
func (p *progress) since(at *position) [][]byte {
	var frames [][]byte
	for _, d := range append([]dated{p.job}, p.parts...) {
		if d.rev > at.rev {
			frames = append(frames, d.frame)
		}
	}
	i, _ := slices.BinarySearchFunc(p.lines, at.line+1, func(l line, id int64) int { return int(l.id - id) })
	for _, l := range p.lines[i:] {
		frames, at.line = append(frames, l.frame), l.id
	}
	at.rev = p.rev
	return frames
}

// over says that nothing more will come.
func (p *progress) over() bool { return syncjob.Over(p.status) && p.log.held == nil }

// update takes over what was read.
func (p *progress) update(r reading) {
	p.rev++
	p.status, p.log = r.job.Status, r.log
	p.job.set(p.rev, r.jobFrame())
	// Parts are made with their job, or when it begins, and then stay as they are sorted.
	p.parts = append(p.parts, make([]dated, max(0, len(r.parts)-len(p.parts)))...)[:len(r.parts)]
	for i, part := range r.parts {
		p.parts[i].set(p.rev, partFrame(part))
	}
	for _, l := range r.lines {
		p.lines = append(p.lines, line{l.ID, frame("log", "id: "+strconv.FormatInt(l.ID, 10)+"\n", logLine{stamp(&l.Time), l.Level, l.Message})})
	}
}

func (d *dated) set(rev int, frame []byte) {
	if !bytes.Equal(d.frame, frame) {
		d.rev, d.frame = rev, frame
	}
}
