package web

import (
	"context"
	"encoding/json"
	"fmt"
)

// preferences are how a person wants lists shown.
type preferences struct {
	// Columns of lists, in their order, by the name of the resource.
	Columns map[string][]string `json:"columns,omitempty"`
	// PageSize is the number of rows of a page; 0: the server's default.
	PageSize int `json:"page_size,omitempty"`
}

func readPreferences(data []byte) (prefs preferences) {
	_ = json.Unmarshal(data, &prefs) // what cannot be read is no preference
	return prefs
}

func (p *page) savePreferences(ctx context.Context) error {
	data, err := json.Marshal(p.prefs)
	if err != nil {
		return fmt.Errorf("encode preferences: %w", err)
	}
	if err := p.Queries.PreferencesPut(ctx, p.who.UserID, data); err != nil {
		return fmt.Errorf("save the preferences of user %d: %w", p.who.UserID, err)
	}
	return nil
}
