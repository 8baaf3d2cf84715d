package project

import "bytes"

// head is what the difference needs to know of a row.
type head struct {
	id    int32
	key   string
	hash  []byte // nil: written by hand since it was last read, or never read
	stale bool
	seen  bool
}

// entry is what the difference needs to know of a job in a snapshot.
type entry struct {
	key  string
	hash []byte
}

// pair is a row and the place in the snapshot of the job that it holds.
type pair struct {
	id  int32
	job int
}

// difference says what a snapshot does to the rows of its endpoint and kind.
type difference struct {
	fresh     []int  // places of jobs that have no row
	compare   []pair // rows whose job may differ from them
	vanished  []head // active rows that have no job
	unchanged int
}

// differ compares by key and content hash alone. Only rows that it puts into compare need to be read whole.
func differ(rows []head, jobs []entry) difference {
	var d difference
	places := make(map[string]int, len(jobs))
	for i, j := range jobs {
		places[j.key] = i
	}
	known := make([]bool, len(jobs))
	for _, row := range rows {
		i, ok := places[row.key]
		switch {
		case !ok && !row.stale:
			d.vanished = append(d.vanished, row)
		case !ok: // was stale and stays so
		case row.stale, !bytes.Equal(row.hash, jobs[i].hash):
			d.compare = append(d.compare, pair{row.id, i})
		default:
			d.unchanged++
		}
		if ok {
			known[i] = true
		}
	}
	for i := range jobs {
		if !known[i] {
			d.fresh = append(d.fresh, i)
		}
	}
	return d
}
