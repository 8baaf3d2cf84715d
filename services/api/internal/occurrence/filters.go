package occurrence

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// guest and guestID are filters of replications that find the routines that cover the guest, too.
const (
	guest   = "virtual_machine"
	guestID = "virtual_machine_id"
)

// filters are the parameters of the lists in which the jobs of a kind are that a query is about: together they have them all.
func (k kind) filters(ctx context.Context, s *resource.Store, q Query, known map[string]map[string]bool) ([]url.Values, error) {
	r := s.Set.Get(k.resource)
	out := url.Values{}
	var guests url.Values // as filters of virtual machines
	for name, values := range q.Filters {
		base, lookup, _ := strings.Cut(name, "__")
		alias := name
		if other, ok := k.aliases[base]; ok {
			alias = strings.TrimSuffix(other+"__"+lookup, "__")
		}
		opposite := k.opposite[name]
		switch {
		case known[k.name][name]:
			out[name] = values
		case r.Filtered(alias):
			out[alias] = append(out[alias], values...)
		case opposite != "":
			out[opposite] = negated(values)
		case name == guest || name == guestID:
			guests = guestFilter(guests, name, values)
		case known[""][name]:
			return nil, nil // a filter of the other kind alone
		}
	}
	if !has(out, "status") && !q.Stale {
		out.Set("status", "active")
	}
	if !has(out, k.on) && !q.Disabled {
		out.Set(k.on, k.onValue)
	}
	if guests == nil {
		return []url.Values{out}, nil
	}
	return covering(ctx, s, guests, out)
}

// has says whether parameters filter by a field, in whatever way.
func has(params url.Values, field string) bool {
	for name := range params {
		if base, _, _ := strings.Cut(name, "__"); base == field {
			return true
		}
	}
	return false
}

func negated(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v
		if yes, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			out[i] = strconv.FormatBool(!yes)
		}
	}
	return out
}

// guestFilter adds a filter by guests to those of virtual machines. As in lists, what is no number is a name.
func guestFilter(guests url.Values, param string, values []string) url.Values {
	if guests == nil {
		guests = url.Values{}
	}
	for _, v := range values {
		name := "id"
		if _, err := strconv.ParseInt(v, 10, 64); err != nil && param == guest {
			name = "name"
		}
		guests.Add(name, v)
	}
	return guests
}

// covering narrows filters of routines to those that cover any of some virtual machines: one list for each, as its number means it in its cluster alone.
func covering(ctx context.Context, s *resource.Store, guests, filters url.Values) ([]url.Values, error) {
	few := *s
	few.Limits = resource.Limits{Default: maxGuests + 1, Max: maxGuests + 1}
	// Which guests there are is asked without rights, as filters of lists do.
	body, err := few.List(ctx, s.Set.Get("virtual-machines"), resource.Actor{Access: resource.Everything}, resource.Address{}, guests, resource.Selection{Fields: []string{"id", "vmid", "cluster"}})
	if err != nil {
		return nil, fmt.Errorf("find the virtual machines to be covered: %w", err)
	}
	var page struct {
		Results []struct {
			ID      int64
			VMID    *int64 `json:"vmid"`
			Cluster *named
		}
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("read virtual machines: %w", err)
	}
	if len(page.Results) > maxGuests {
		var wrong resource.Errors
		wrong.Add(guestID, fmt.Sprintf("At most %d virtual machines can be asked for at once.", maxGuests))
		return nil, wrong.Err()
	}
	var out []url.Values
	missing := slices.Clone(guests["id"])
	for _, vm := range page.Results {
		missing = slices.DeleteFunc(missing, func(id string) bool { return id == strconv.FormatInt(vm.ID, 10) })
		if vm.VMID == nil || vm.Cluster == nil {
			continue
		}
		narrowed := maps.Clone(filters)
		if narrow(narrowed, "covers", *vm.VMID) && narrow(narrowed, "cluster_id", vm.Cluster.ID) {
			out = append(out, narrowed)
		}
	}
	if len(missing) > 0 {
		var wrong resource.Errors
		wrong.Add(guestID, "Select a valid choice. "+missing[0]+" is not one of the available choices.")
		return nil, wrong.Err()
	}
	return out, nil
}

// maxGuests is how many virtual machines one query takes.
const maxGuests = 20

// narrow sets a filter whose values are alternatives to one of them. It returns false if another was asked for.
func narrow(filters url.Values, name string, value int64) bool {
	text := strconv.FormatInt(value, 10)
	if asked, ok := filters[name]; ok && !slices.Contains(asked, text) {
		return false
	}
	filters[name] = []string{text}
	return true
}
