package resource_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// TestListsAnswerAsAReadingOfAllRowsDoes asks lists with random filters, orders and pages, and compares the answers with what a straightforward
// evaluation in Go finds among all rows. What is random follows from a seed, which a failure prints and PROPERTY_SEED sets.
func TestListsAnswerAsAReadingOfAllRowsDoes(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("PROPERTY_SEED"), 10, 64); err == nil {
		seed = given
	}
	g := &generator{rand.New(rand.NewPCG(seed, 0))}
	pool := pgtest.New(t)
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.fill(t, pool)
	tables := readTables(t, pool, set)
	// Pages deep in a list are found in another way: with a low bound, many of these are.
	store := &resource.Store{Set: set, Pool: pool, Limits: resource.Limits{Default: 7, Max: 1000, Walk: 5}}
	at := resource.Address{Origin: "http://x", Path: "/list/"}
	asked, refused := 0, 0
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end) && asked < 3000; asked++ {
		r := set.Get(g.one(propertyResources))
		params, filters := g.request(tables[r.Name])
		rows, wrong := tables[r.Name].find(filters)
		body, err := store.List(t.Context(), r, resource.Actor{Access: resource.Everything}, at, params, resource.Selection{Fields: []string{"id"}})
		fail := func(format string, args ...any) {
			t.Errorf("PROPERTY_SEED=%d: %s?%s: %s", seed, r.Name, params.Encode(), fmt.Sprintf(format, args...))
		}
		if len(wrong) > 0 || err != nil {
			refused++
			if got := refusedParams(err); !slices.Equal(got, wrong) {
				fail("error of %v (%v), want one of %v", got, err, wrong)
			}
			continue
		}
		tables[r.Name].sort(rows, params.Get("ordering"))
		if problem := g.check(body, rows, params); problem != "" {
			fail("%s", problem)
		}
		if t.Failed() {
			break
		}
	}
	if asked < 100 || refused > asked/2 {
		t.Errorf("%d lists, of which %d were refused: that proves little", asked, refused)
	}
}

// propertyResources are the resources whose lists are compared.
var propertyResources = []string{
	"backup-routines", "backup-routines", "replications", "replications", "nodes", "storage", "proxmox-clusters", "clusters", "virtual-machines", "proxmox-endpoints",
}

// check compares a page with the ids of all rows in order.
func (*generator) check(body []byte, rows []*tableRow, params url.Values) string {
	var got struct {
		Count          int
		Next, Previous *string
		Results        []struct{ ID int64 }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err.Error()
	}
	limit, offset := 7, 0
	if n, err := strconv.Atoi(params.Get("limit")); err == nil {
		limit = n
	}
	if limit == 0 {
		limit = 1000
	}
	if n, err := strconv.Atoi(params.Get("offset")); err == nil {
		offset = n
	}
	want := []int64{}
	for _, row := range rows[min(offset, len(rows)):min(offset+limit, len(rows))] {
		want = append(want, row.id)
	}
	ids := []int64{}
	for _, o := range got.Results {
		ids = append(ids, o.ID)
	}
	if got.Count != len(rows) || !slices.Equal(ids, want) {
		return fmt.Sprintf("%d rows, ids %v\nwant %d rows, ids %v", got.Count, ids, len(rows), want)
	}
	if problem := link("next", got.Next, params, limit, offset+limit, offset+limit < len(rows)); problem != "" {
		return problem
	}
	return link("previous", got.Previous, params, limit, max(0, offset-limit), offset > 0)
}

// link says what is wrong with the address of a page: it has all parameters as often as the request, and its own limit and offset.
func link(name string, got *string, params url.Values, limit, offset int, want bool) string {
	if (got != nil) != want {
		return fmt.Sprintf("%s is %v, want one: %v", name, got, want)
	}
	if got == nil {
		return ""
	}
	u, err := url.Parse(*got)
	if err != nil {
		return err.Error()
	}
	expected := url.Values{}
	maps.Copy(expected, params)
	expected.Set("limit", strconv.Itoa(limit))
	expected.Del("offset")
	if offset > 0 {
		expected.Set("offset", strconv.Itoa(offset))
	}
	if u.Scheme+"://"+u.Host+u.Path != "http://x/list/" || u.Query().Encode() != expected.Encode() {
		return fmt.Sprintf("%s is %s, want the parameters %s", name, *got, expected.Encode())
	}
	return ""
}
