package pvesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// Control steers a fleet over HTTP. It is meant for loopback: it shows secrets and asks for none.
//
//	GET    /clusters                            how to read each cluster
//	GET    /clusters/{name}                     the same for one, with backup_ids as clients see them and the active faults
//	GET    /clusters/{name}/requests            counters by template and by path, refused and locking requests
//	GET    /faults                              the names of all faults, and of those for single calls
//	POST   /clusters/{name}/faults              {"name": "no quorum and an old list"}, or
//	                                            {"fault": "data_null", "call": "/cluster/backup", "times": 2}
//	DELETE /clusters/{name}/faults              all is well again
//	GET    /clusters/{name}/{kind}              the jobs of the model; kind is backup or replication
//	PUT    /clusters/{name}/{kind}/{id}         makes or replaces a job
//	PATCH  /clusters/{name}/{kind}/{id}         changes the named options of a job; null unsets one
//	DELETE /clusters/{name}/{kind}/{id}         deletes a job
//	POST   /clusters/{name}/migrate             {"vmid": 100, "node": "alpha-02"}
//
// Jobs are written as BackupJob and Replication say. Changes answer 204, mistakes 4xx with {"error": "..."}.
func Control(f *Fleet) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clusters", reply(func(*http.Request) (any, error) { return f.Listing(), nil }))
	mux.HandleFunc("GET /faults", reply(func(*http.Request) (any, error) { return faultNames(), nil }))
	on := func(pattern string, do func(*Server, *http.Request) (any, error)) {
		mux.HandleFunc(pattern, reply(func(r *http.Request) (any, error) {
			s, err := f.named(r.PathValue("name"))
			if err != nil {
				return nil, err
			}
			return do(s, r)
		}))
	}
	on("GET /clusters/{name}", showCluster)
	on("GET /clusters/{name}/requests", showRequests)
	on("POST /clusters/{name}/faults", addFault)
	on("DELETE /clusters/{name}/faults", func(s *Server, _ *http.Request) (any, error) {
		s.cluster.Heal()
		return nil, nil
	})
	on("POST /clusters/{name}/migrate", migrate)
	for _, k := range []kind{backupKind, replicationKind} {
		on("GET /clusters/{name}/"+k.name, func(s *Server, _ *http.Request) (any, error) {
			w := s.cluster.World()
			return k.list(&w), nil
		})
		on("PUT /clusters/{name}/"+k.name+"/{id}", k.change(false))
		on("PATCH /clusters/{name}/"+k.name+"/{id}", k.change(true))
		on("DELETE /clusters/{name}/"+k.name+"/{id}", k.delete)
	}
	return mux
}

// problem is a mistake of the caller.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func badRequest(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return &problem{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// reply writes a result as JSON, nothing as 204.
func reply(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := do(r)
		status := http.StatusOK
		if err != nil {
			status, result = http.StatusInternalServerError, map[string]string{"error": err.Error()}
			if p, ok := errors.AsType[*problem](err); ok {
				status = p.status
			}
		}
		if result == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(result) // to a client that may have gone
	}
}

func (f *Fleet) named(name string) (*Server, error) {
	i := slices.IndexFunc(f.servers, func(s *Server) bool { return s.cluster.Name() == name })
	if i < 0 {
		return nil, missing("no cluster is called %q", name)
	}
	return f.servers[i], nil
}

func showCluster(s *Server, _ *http.Request) (any, error) {
	return struct {
		Listing
		BackupIDs []string `json:"backup_ids"`
		Faults    []string `json:"faults"`
	}{s.Listing(), s.cluster.BackupIDs(), s.cluster.Faults()}, nil
}

func showRequests(s *Server, _ *http.Request) (any, error) {
	c := s.cluster
	return map[string]any{
		"requests": c.Requests(), "raw": c.RawRequests(), "refused": c.Refused(), "locking": c.Locking(),
	}, nil
}

func faultNames() any {
	var all, single []string
	for _, f := range AllFaults() {
		all = append(all, f.Name)
	}
	for _, f := range Faults() {
		single = append(single, f.Name())
	}
	return map[string][]string{"all": all, "single": single}
}

func addFault(s *Server, r *http.Request) (any, error) {
	var in struct {
		Name, Fault, Call string
		Times             int
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if in.Name != "" {
		f, err := FaultNamed(in.Name)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		f.Apply(s.cluster)
		return nil, nil
	}
	all := Faults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name() == in.Fault })
	switch {
	case i < 0:
		return nil, badRequest("no single fault is called %q", in.Fault)
	case in.Call == "":
		return nil, badRequest(`"call" says what fails, such as "/cluster/backup" or "*"`)
	case in.Times <= 0:
		in.Times = -1
	}
	s.cluster.FaultTimes(in.Call, all[i], in.Times)
	return nil, nil
}

func migrate(s *Server, r *http.Request) (any, error) {
	var in struct {
		VMID int
		Node string
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	var ok bool
	s.cluster.Edit(func(w *World) { ok = w.Migrate(in.VMID, in.Node) })
	if !ok {
		return nil, badRequest("there is no guest %d or no node %q", in.VMID, in.Node)
	}
	return nil, nil
}

func readJSON(r *http.Request, into any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("read the body: %v", err)
	}
	return nil
}
