package rest_test

import (
	"fmt"
	"testing"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/services/api/internal/crowd"
)

// TestWhatARequestCostsDoesNotGrowWithItsRows counts statements for one row and for many: of lists, of exports, of single objects, with all kinds of
// permissions. A resource that asked for each row, or for each object that rows refer to, would need more for many.
func TestWhatARequestCostsDoesNotGrowWithItsRows(t *testing.T) {
	pool, sent := pgtest.Counted(t)
	s := serveOn(t, pool)
	crowd.Fill(t, pool, 40)
	everything, narrowed := s.newUser("everything", false), s.newUser("narrowed", false)
	for _, r := range s.api.Store.Set.All {
		s.grant(everything, r.Type, "view", "")
		s.grant(narrowed, r.Type, "view", `[{"id__gt": 0}, {"id__in": [1, 2, 3]}]`)
	}
	tokens := map[string]string{"admin": s.token, "everything": s.newToken(everything, true), "narrowed": s.newToken(narrowed, true)}
	cost := func(token, path string) int64 {
		ask := func() answer { return s.ask("GET", path, nil, "Authorization", "Bearer "+token) }
		ask() // notes the use of the token, and prepares statements
		before := sent.Load()
		if a := ask(); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		return sent.Load() - before
	}
	const most = 9 // for the token, what it permits, the custom fields, the rows, and what begins and ends a look at the database
	for _, r := range s.api.Store.Set.All {
		list := "/api/" + r.Path + "/"
		for who, token := range tokens {
			queries := []string{"q=1", "export=csv"}
			if who == "admin" {
				queries = append(queries, "", "brief=1", "ordering=-id,display", "id__gt=0&id__lt=99999", "start=0", "offset=1")
			}
			for _, query := range queries {
				one, many := cost(token, list+"?limit=1&"+query), cost(token, list+"?limit=40&"+query)
				if one != many || many > most {
					t.Errorf("%s for %s: %d statements for one row, %d for many, at most %d", list+"?"+query, who, one, many, most)
				}
			}
			id := s.get(list + "?limit=1&fields=id").results(t)[0]["id"]
			if n := cost(token, fmt.Sprintf("%s%v/", list, id)); n > most {
				t.Errorf("an object of %s for %s: %d statements, at most %d", list, who, n, most)
			}
		}
	}
	for query, more := range map[string]int64{"node_id=1&node_id=2": 1, "endpoint=e1&endpoint=e2&storage=1&storage=2": 2, "id=1": -1, "tag=t1&tag=t2": 1} { // one looks up what each filter names, and a narrow filter needs no plan of its own
		if got, bare := cost(s.token, routinesPath+"?"+query), cost(s.token, routinesPath); got != bare+more {
			t.Errorf("?%s: %d statements, want %d and %d", query, got, bare, more)
		}
	}
}
