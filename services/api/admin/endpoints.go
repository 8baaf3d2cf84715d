package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Endpoints administers endpoints with the checks, and in the form, of REST.
type Endpoints struct {
	Pool *pgxpool.Pool
	// SiteKeys are the public keys of the configured sites, needed where credentials are written.
	SiteKeys map[string]string
}

// Endpoint is what a shell shows of an endpoint.
type Endpoint struct {
	ID           int32  `json:"id"`
	Name         string `json:"name"`
	Display      string `json:"display"`
	Enabled      bool   `json:"enabled"`
	PollInterval int    `json:"poll_interval"`
	SyncState    struct {
		BackupRoutine EndpointSync `json:"backup_routine"`
		Replication   EndpointSync `json:"replication"`
		Inventory     EndpointSync `json:"inventory"`
	} `json:"sync_state"`
}

// EndpointSync is how reading one kind goes.
type EndpointSync struct {
	Status string `json:"status"`
	Error  string `json:"error"`
}

// List returns all endpoints by name.
func (e Endpoints) List(ctx context.Context) ([]Endpoint, error) { return e.list(ctx, url.Values{}) }

func (e Endpoints) list(ctx context.Context, filter url.Values) ([]Endpoint, error) {
	s, err := e.store()
	if err != nil {
		return nil, err
	}
	filter.Set("limit", "0")
	body, err := s.List(ctx, s.Set.Get(catalog.Endpoints), resource.Actor{Access: resource.Everything}, resource.Address{}, filter, resource.Selection{})
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	var page struct {
		Results []Endpoint `json:"results"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return page.Results, nil
}

// Find returns the endpoint with this name or, failing that, with this id. An unknown one is fault.NotFound.
func (e Endpoints) Find(ctx context.Context, nameOrID string) (Endpoint, error) {
	for _, filter := range []string{"name", "id"} {
		if _, err := strconv.ParseInt(nameOrID, 10, 32); filter == "id" && err != nil {
			break
		}
		found, err := e.list(ctx, url.Values{filter: {nameOrID}})
		if err != nil {
			return Endpoint{}, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return Endpoint{}, fault.New(fault.NotFound, "there is no endpoint %q: list them with proxops endpoint list", nameOrID)
}

// Put makes the endpoint of this name, or changes the one there is. Fields are those that REST takes.
func (e Endpoints) Put(ctx context.Context, name string, fields map[string]any) error {
	found, err := e.list(ctx, url.Values{"name": {name}})
	if err != nil {
		return err
	}
	fields["name"] = name
	if len(found) > 0 {
		return e.update(ctx, found[0].ID, fields)
	}
	s, req, err := e.request(fields)
	if err != nil {
		return err
	}
	if _, err := s.Create(ctx, s.Set.Get(catalog.Endpoints), req); err != nil {
		return fmt.Errorf("add endpoint %s: %w", name, err)
	}
	return nil
}

// Set changes fields of the endpoint with this id.
func (e Endpoints) Set(ctx context.Context, id int32, fields map[string]any) error {
	return e.update(ctx, id, fields)
}

func (e Endpoints) update(ctx context.Context, id int32, fields map[string]any) error {
	s, req, err := e.request(fields)
	if err != nil {
		return err
	}
	req.Partial = true
	if _, err := s.Update(ctx, s.Set.Get(catalog.Endpoints), int64(id), req); err != nil {
		return fmt.Errorf("change endpoint %d: %w", id, err)
	}
	return nil
}

// Delete removes an endpoint with all that was discovered through it.
func (e Endpoints) Delete(ctx context.Context, id int32) error {
	s, req, err := e.request(map[string]any{})
	if err != nil {
		return err
	}
	if err := s.Delete(ctx, s.Set.Get(catalog.Endpoints), int64(id), req); err != nil {
		return fmt.Errorf("delete endpoint %d: %w", id, err)
	}
	return nil
}

func (e Endpoints) store() (*resource.Store, error) {
	set, err := catalog.New(catalog.Options{SiteKeys: e.SiteKeys})
	if err != nil {
		return nil, err
	}
	return &resource.Store{Set: set, Pool: e.Pool}, nil
}

func (e Endpoints) request(fields map[string]any) (*resource.Store, resource.Request, error) {
	s, err := e.store()
	if err != nil {
		return nil, resource.Request{}, err
	}
	body, err := decoded(fields)
	if err != nil {
		return nil, resource.Request{}, err
	}
	actor := resource.Actor{Access: resource.Everything, Origin: change.Origin{Cause: change.System, RequestID: uuid.New()}}
	return s, resource.Request{Body: body, Actor: actor}, nil
}

// decoded brings values into the form in which a request's body arrives.
func decoded(fields map[string]any) (any, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode its fields: %w", err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode its fields: %w", err)
	}
	return v, nil
}
