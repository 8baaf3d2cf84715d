package allinone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/proxops/proxops/libs/pvesim"
)

// AddClusters makes an endpoint for each simulated cluster that has none yet, through REST as a user would. Clusters get new ports and
// certificates at every start, so endpoints of the same name are brought up to date.
func (s *Stack) AddClusters(ctx context.Context, token string, clusters []pvesim.Listing, pollInterval int) error {
	c := client{base: s.URL, token: token}
	for _, l := range clusters {
		endpoint := map[string]any{
			"name": l.Name, "ip_address": l.Host, "port": l.Port, "username": l.User, "token_name": l.TokenName, "token_value": l.TokenValue,
			"ca_certificate": l.CACertificate, "poll_interval": pollInterval,
		}
		if err := c.put(ctx, "/api/plugins/proxbox/endpoints/proxmox/", l.Name, endpoint); err != nil {
			return fmt.Errorf("add the simulated cluster %s: %w", l.Name, err)
		}
	}
	return nil
}

// client is the little of a REST client that a demonstration needs.
type client struct{ base, token string }

// put makes the object, or changes the one of the same name.
func (c client) put(ctx context.Context, list, name string, object map[string]any) error {
	var page struct {
		Results []struct {
			ID int `json:"id"`
		} `json:"results"`
	}
	if err := c.call(ctx, http.MethodGet, list+"?name="+name, nil, &page); err != nil {
		return err
	}
	if len(page.Results) == 0 {
		return c.call(ctx, http.MethodPost, list, object, nil)
	}
	return c.call(ctx, http.MethodPatch, fmt.Sprintf("%s%d/", list, page.Results[0].ID), object, nil)
}

func (c client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask REST: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
