package pvesim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// kind is a kind of jobs that can be changed from outside.
type kind struct {
	name   string
	list   func(*World) any
	find   func(w *World, id string) any                   // nil = no such job
	put    func(w *World, id string, options []byte) error // makes or replaces the job
	remove func(w *World, id string) bool
}

var backupKind = kind{
	name: "backup",
	list: func(w *World) any { return append([]BackupJob{}, w.Backups...) },
	find: func(w *World, id string) any { return orNil(w.Backup(id)) },
	put: func(w *World, id string, options []byte) error {
		var j BackupJob
		if err := decodeJob(options, &j); err != nil {
			return err
		}
		if j.ID = cmp.Or(j.ID, id); j.ID != id {
			return badRequest("the job in the body is called %q, the one in the path %q", j.ID, id)
		}
		if old := w.Backup(id); old != nil {
			*old = j
		} else {
			w.Backups = append(w.Backups, j)
		}
		return nil
	},
	remove: (*World).DeleteBackup,
}

var replicationKind = kind{
	name: "replication",
	list: func(w *World) any { return append([]Replication{}, w.Replications...) },
	find: func(w *World, id string) any { return orNil(w.Replication(id)) },
	put: func(w *World, id string, options []byte) error {
		var r Replication
		if _, err := fmt.Sscanf(id, "%d-%d", &r.Guest, &r.JobNum); err != nil {
			return badRequest("%q is no id of a replication job, which is <guest>-<number>", id)
		}
		if err := decodeJob(options, &r); err != nil {
			return err
		}
		if r.ID() != id {
			return badRequest("the job in the body is called %q, the one in the path %q", r.ID(), id)
		}
		if old := w.Replication(id); old != nil {
			r.State = old.State
			*old = r
		} else {
			w.Replications = append(w.Replications, r)
		}
		return nil
	},
	remove: (*World).DeleteReplication,
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func decodeJob(options []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(options))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("read the job: %v", err)
	}
	return nil
}

// change makes, replaces or, with patch, changes a job.
func (k kind) change(patch bool) func(*Server, *http.Request) (any, error) {
	return func(s *Server, r *http.Request) (any, error) {
		options, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return nil, badRequest("read the body: %v", err)
		}
		id := r.PathValue("id")
		s.cluster.Edit(func(w *World) {
			if patch {
				options, err = k.patched(w, id, options)
			}
			if err == nil {
				err = k.put(w, id, options)
			}
		})
		return nil, err
	}
}

// patched lays the options of a patch over those of a job; null takes one away.
func (k kind) patched(w *World, id string, patch []byte) ([]byte, error) {
	job := k.find(w, id)
	if job == nil {
		return nil, missing("no %s job is called %q", k.name, id)
	}
	old, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("change %s job %q: %w", k.name, id, err)
	}
	options := map[string]json.RawMessage{}
	for _, layer := range [][]byte{old, patch} {
		if err := json.Unmarshal(layer, &options); err != nil {
			return nil, badRequest("read the changes: %v", err)
		}
	}
	for name, v := range options {
		if string(v) == "null" {
			delete(options, name)
		}
	}
	return json.Marshal(options)
}

func (k kind) delete(s *Server, r *http.Request) (any, error) {
	var ok bool
	s.cluster.Edit(func(w *World) { ok = k.remove(w, r.PathValue("id")) })
	if !ok {
		return nil, missing("no %s job is called %q", k.name, r.PathValue("id"))
	}
	return nil, nil
}
