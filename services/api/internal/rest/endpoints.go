package rest

import (
	"context"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/identity"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Prober tries connections to clusters.
type Prober interface {
	// Probe tries the connection of the endpoint with this id, and returns what was seen. Its errors say in a resource.Detail why nobody tried.
	Probe(ctx context.Context, endpoint int32) (*probe.Result, error)
}

// testAction tries the connection of an endpoint. It takes the right to change the endpoint, as it makes use of its secret.
func (a *API) testAction() action {
	return action{
		on: catalog.Endpoints, name: "test", needs: permission{to: resource.Change},
		doc: &openapi.Operation{
			Verb: "create", Answer: openapi.Ref("EndpointTest"), Errors: []int{400},
			Description: "Try the connection of an endpoint through a poller of its site, whether the endpoint is enabled or not. No job is read and nothing is changed. " +
				"400 if it has no credentials, 503 if no poller answers.",
		},
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			seen, err := a.Prober.Probe(ctx, int32(id))
			if err != nil {
				return response{}, err
			}
			return ok(encode(seen)), nil
		},
	}
}

// acceptance is what a request says that accepts another cluster.
var acceptance = resource.Inputs{
	{
		Name: "existing_jobs", Kind: resource.Choice{Choices: resource.Options(identity.Keep, identity.Stale)}, Required: true,
		Help: "What becomes of the jobs that the endpoint has. keep: nothing, until the next complete reading decides about each. stale: all of them are stale now, until a reading has them.",
	},
	{
		Name: "cluster_name", Kind: resource.Char{Max: 255}, Null: true, Blank: true,
		Help: "The name of the cluster that is meant: nothing is accepted if another one answered last",
	},
}

// acceptAction makes the cluster that answered last the one that the endpoint is.
func (a *API) acceptAction() action {
	return action{
		on: catalog.Endpoints, name: "accept-identity", needs: permission{to: resource.Change},
		doc: &openapi.Operation{
			Verb: "create", Request: openapi.Ref("EndpointAcceptIdentityRequest"), Answer: openapi.Ref("ProxmoxEndpoint"), Headers: []string{"ETag"},
			Errors: []int{400, 408, 409, 412, 413, 415}, Parameters: openapi.WriteParameters(),
			Description: "Make the cluster that answered last, instead of the one that the endpoint was so far, the one that it is. What reads the endpoint meanwhile is stopped. " +
				"409 if no other cluster answered, or not the one that is meant.",
		},
		handle: a.accept,
	}
}

// Identities is what accepts other clusters.
func (a *API) Identities() identity.Accepter {
	return identity.Accepter{Store: a.Store, RunsStopped: a.RunsStopped, JobsChanged: a.JobsChanged}
}

func (a *API) accept(ctx context.Context, q *request, id int64) (response, error) {
	req := resource.Request{At: q.at, Actor: q.actor(), IfMatch: q.http.Header.Get("If-Match"), Select: selection(q)}
	var wanted identity.Acceptance
	body, err := moderate.read(q.w, q.http)
	if err == nil {
		var values map[string]any
		var message string
		if values, message, err = acceptance.Read(body); err == nil {
			wanted.Jobs, _ = values["existing_jobs"].(string)
			wanted.Cluster, _ = values["cluster_name"].(string)
			req.Body = map[string]any{"changelog_message": message}
		}
	}
	req.BodyErr = err
	o, err := a.Identities().Accept(ctx, id, wanted, req)
	if err != nil {
		return response{}, err
	}
	return tagged(http.StatusOK, o), nil
}

// endpointSchemas are those of the actions on endpoints.
func endpointSchemas() openapi3.Schemas {
	text, flag, number := openapi3.NewStringSchema, openapi3.NewBoolSchema, openapi3.NewIntegerSchema
	texts := func(description string) *openapi3.Schema {
		s := openapi3.NewArraySchema().WithItems(text())
		s.Description = description
		return s
	}
	described := func(s *openapi3.Schema, description string) *openapi3.Schema {
		s.Description = description
		return s
	}
	object := func(description string, properties map[string]*openapi3.Schema) *openapi3.Schema {
		return described(resource.Complete(properties), description)
	}
	cluster := object("Which cluster answered; null if that could not be told.", map[string]*openapi3.Schema{
		"name": text(), "standalone": flag(), "quorate": flag(), "nodes": texts("Names of its nodes"),
	}).WithNullable()
	failure := object("What is wrong, and what to do; null if nothing is.", map[string]*openapi3.Schema{
		"kind": text(), "text": text(), "remedy": text(), "missing_privilege": text(),
	}).WithNullable()
	test := object("What a poller saw when it tried the connection of an endpoint, as far as it got.", map[string]*openapi3.Schema{
		"ok":          described(flag(), "Reading jobs would work"),
		"address":     described(text(), "Host and port that answered, or were tried last"),
		"fingerprint": described(text(), "SHA-256 of the certificate that was shown there"),
		"trusted":     described(flag(), "The certificate passes the TLS settings of the endpoint"),
		"verify_ssl":  described(flag(), "The endpoint wants certificates verified"),
		"version":     described(text(), "Of Proxmox VE"),
		"cluster":     cluster,
		"identity": described(text().WithEnum(probe.Same, probe.New, probe.Other, nil).WithNullable(),
			"Whether that is the cluster that the endpoint is: same; new, as it is none yet; other. null if that could not be told."),
		"pinned_cluster":     described(text(), "Which cluster the endpoint is; empty if it is none yet"),
		"privileges":         texts("Those that reading needs and the token has, as / Sys.Audit"),
		"missing_privileges": texts("Those that it lacks"),
		"error":              failure,
		"grant":              described(text(), "The command on a node that grants what is missing; empty if nothing is"),
		"poller":             described(text(), "Which poller tried"),
		"requests":           described(number(), "Requests that were made to the cluster"),
		"duration_ms":        described(number(), "How long that took"),
	})
	return openapi3.Schemas{"EndpointTest": test.NewRef(), "EndpointAcceptIdentityRequest": acceptance.Schema().NewRef()}
}
