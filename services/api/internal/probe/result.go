package probe

import (
	"fmt"

	"github.com/proxops/proxops/libs/clusterid"
	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Result is what a poller saw, as far as it got.
type Result struct {
	OK          bool     `json:"ok"` // reading jobs would work
	Address     string   `json:"address"`
	Fingerprint string   `json:"fingerprint"`
	Trusted     bool     `json:"trusted"`
	VerifySSL   bool     `json:"verify_ssl"`
	Version     string   `json:"version"`
	Cluster     *Cluster `json:"cluster"` // nil: that could not be told
	// Identity says whether that is the cluster that the endpoint is: Same, New if it is none yet, or Other; nil: that could not be told.
	Identity          *string  `json:"identity"`
	PinnedCluster     string   `json:"pinned_cluster"` // which it is, in words
	Privileges        []string `json:"privileges"`
	MissingPrivileges []string `json:"missing_privileges"`
	Error             *Error   `json:"error"` // nil: everything is well
	Grant             string   `json:"grant"` // the command that grants what is missing
	Poller            string   `json:"poller"`
	Requests          uint32   `json:"requests"`
	DurationMS        int64    `json:"duration_ms"`
}

// Cluster is which cluster answered.
type Cluster struct {
	Name       string   `json:"name"`
	Standalone bool     `json:"standalone"`
	Quorate    bool     `json:"quorate"`
	Nodes      []string `json:"nodes"`
}

// Error is what is wrong, and what to do.
type Error struct {
	Kind             string `json:"kind"`
	Text             string `json:"text"`
	Remedy           string `json:"remedy"`
	MissingPrivilege string `json:"missing_privilege"`
}

// How the cluster that answered compares to the one that the endpoint is.
const (
	Same  = "same"
	New   = "new"
	Other = "other"
)

func resultOf(endpoint int32, e store.EndpointConnectionRow, seen *proxopsv1.ProbeReply) *Result {
	r := &Result{
		Address: seen.GetAddress(), Fingerprint: seen.GetFingerprint(), Trusted: seen.GetTrusted(), VerifySSL: e.VerifySsl, Version: seen.GetVersion(),
		Privileges: list(seen.GetPrivileges()), MissingPrivileges: list(seen.GetMissingPrivileges()),
		Poller: seen.GetPoller(), Requests: seen.GetRequests(), DurationMS: seen.GetDuration().AsDuration().Milliseconds(),
	}
	if e.ClusterName != "" {
		r.PinnedCluster = clusterid.Name(e.ClusterName, e.Standalone)
	}
	if f := seen.GetError(); f != nil {
		r.Error = &Error{Kind: subjects.ErrorToken(f.GetKind()), Text: f.GetText(), Remedy: f.GetRemedy(), MissingPrivilege: f.GetMissingPrivilege()}
	}
	if seen.GetIdentity() != nil {
		r.identify(endpoint, e, seen)
	}
	r.OK = r.Error == nil && len(r.MissingPrivileges) == 0
	r.Grant = Grant(e.Username, e.TokenName, append(list(seen.GetMissingPrivileges()), seen.GetError().GetMissingPrivilege()))
	return r
}

// identify tells which cluster answered. That it is another one than the endpoint's is an error of readings, which pollers cannot know of.
func (r *Result) identify(endpoint int32, e store.EndpointConnectionRow, seen *proxopsv1.ProbeReply) {
	name, standalone := postgres.Text(seen.GetIdentity().GetName(), maxName), seen.GetIdentity().GetStandalone()
	r.Cluster = &Cluster{Name: name, Standalone: standalone, Quorate: seen.GetQuorate(), Nodes: list(seen.GetNodes())}
	switch {
	case e.ClusterName == "":
		r.Identity = new(New)
	case e.ClusterName == name && e.Standalone == standalone:
		r.Identity = new(Same)
	default:
		r.Identity = new(Other)
		if r.Error == nil {
			r.Error = &Error{
				Kind: subjects.ErrorToken(proxopsv1.ErrorKind_ERROR_KIND_IDENTITY), Remedy: clusterid.Remedy(int64(endpoint)),
				Text: fmt.Sprintf("%s answers as %s, but this endpoint is %s", r.Address, clusterid.Name(name, standalone), r.PinnedCluster),
			}
		}
	}
}

// maxName bounds the name of a cluster, in bytes, as where identities are pinned.
const maxName = 2000

// list is never nil.
func list(items []string) []string { return append([]string{}, items...) }
