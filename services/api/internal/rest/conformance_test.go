package rest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// sample is what the suite has to know of a resource: NetBox's own tests of its models are given the same.
type sample struct {
	brief []string // the keys of the brief form
	// object is what creates the object number i; each is another. Resources that are read-only have none, and at least three objects as it is, or once
	// plant has made them.
	object     func(w *world, i int) object
	plant      func(w *world)
	update     object   // what changes one object
	bulkUpdate object   // what changes each of three
	hidden     []string // keys that requests have and answers lack: secrets
	// personal says that objects belong to users, and that by NetBox's default permissions each user may do anything to their own.
	personal bool
	// also are types of objects that a user needs for writes beside those of the resource, with the action.
	also map[change.ObjectType]string
}

// TestConformance holds every resource against NetBox's tests of its own API, in their order. A resource of the catalog without a sample fails.
func TestConformance(t *testing.T) {
	names := map[string]bool{}
	for _, r := range serve(t).api.Store.Set.All {
		names[r.Name] = true
		data, known := samples[r.Name]
		if !known {
			t.Errorf("the resource %s has no sample", r.Name)
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			c := newCandidate(t, r.Name, data)
			c.gets()
			c.lists()
			if c.r.ReadOnly {
				c.cannotBeWritten()
				return
			}
			c.creates()
			c.updates()
			c.deletes()
		})
	}
	for name := range samples {
		if !names[name] {
			t.Errorf("there is a sample for %s, which is no resource", name)
		}
	}
}

// candidate is a resource under test, with three objects.
type candidate struct {
	*world
	sample
	r    *resource.Resource
	path string
	ids  []int
	made int // objects that object was asked for
	as   map[string]int32
}

func newCandidate(t *testing.T, name string, data sample) *candidate {
	t.Helper()
	c := &candidate{world: newWorld(t), sample: data, as: map[string]int32{}}
	c.t = t
	c.r = c.api.Store.Set.Get(name)
	c.path = "/api/" + c.r.Path + "/"
	if c.object != nil {
		for range 3 {
			c.ids = append(c.ids, c.make(c.path, c.next()))
		}
		return c
	}
	if c.plant != nil {
		c.plant(c.world)
	}
	for _, o := range c.get(c.path + "?limit=3").results(t) {
		c.ids = append(c.ids, int(o["id"].(float64)))
	}
	if len(c.ids) != 3 {
		t.Fatalf("%d objects, want 3", len(c.ids))
	}
	return c
}

// next is what creates an object that there was not yet.
func (c *candidate) next() object {
	c.made++
	o := c.object(c.world, c.made)
	o["changelog_message"] = fmt.Sprint("made ", c.made)
	return o
}

// user returns the header of a user who may do one thing to the objects of the resource, or to those with some ids; "" stands for nothing.
func (c *candidate) user(action string, ids ...int) (name, header string) {
	c.t.Helper()
	name = fmt.Sprint(action, len(c.as))
	user := c.newUser(name, false)
	c.as[name] = user
	if action != "" {
		constraints := ""
		if ids != nil {
			list, _ := json.Marshal(ids)
			constraints = `{"id__in": ` + string(list) + `}`
		}
		c.grant(user, c.r.Type, action, constraints)
		for t, needed := range c.also {
			c.grant(user, t, needed, "")
		}
	}
	return name, "Bearer " + c.newToken(user, true)
}

func (c *candidate) askAs(header, method, path string, body any) answer {
	c.t.Helper()
	return c.ask(method, path, body, "Authorization", header)
}

// exempt lets everybody view the resource while fn runs. Those about users are never open, as in NetBox, nor is the log of their changes.
func (c *candidate) exempt(fn func(status int)) {
	tokens := c.api.Auth.(*auth.Tokens)
	c.api.Open, tokens.Exempt = true, auth.Exempt{"*"}
	defer func() { c.api.Open, tokens.Exempt = false, nil }()
	if strings.HasPrefix(c.r.Path, "users/") || c.r.Type == change.ObjectChange {
		fn(403)
		return
	}
	fn(200)
}

// refused checks the answer to somebody who may not do it. What belongs to others does not exist for a user who may do it to their own.
func (c *candidate) refused(a answer) {
	c.t.Helper()
	if c.personal {
		a.want(c.t, 404, "")
		return
	}
	a.want(c.t, 403, forbidden)
}

func (c *candidate) count() int {
	c.t.Helper()
	return int(c.get(c.path + "?limit=1").json(c.t)["count"].(float64))
}

// step runs a part of the suite under the name that NetBox's test has.
func (c *candidate) step(name string, fn func()) {
	outer := c.t
	outer.Helper()
	outer.Run(name, func(t *testing.T) {
		c.t = t
		defer func() { c.t = outer }()
		fn()
	})
}

func (c *candidate) gets() {
	first, second := path(c.path, c.ids[0]), path(c.path, c.ids[1])
	c.step("get_object_anonymous", func() {
		c.exempt(func(status int) { c.askAs("", "GET", first, nil).want(c.t, status, "") })
		c.askAs("", "GET", first, nil).want(c.t, 403, anonymous)
	})
	c.step("get_object_without_permission", func() {
		if c.r.Public {
			return // whoever is logged in may see it
		}
		_, nobody := c.user("")
		c.refused(c.askAs(nobody, "GET", first, nil))
	})
	c.step("get_object", func() {
		if c.r.Public {
			return
		}
		_, one := c.user("view", c.ids[0])
		a := c.askAs(one, "GET", first, nil)
		if etag := a.header.Get("ETag"); a.status != 200 || (etag == "") != c.r.ReadOnly {
			c.t.Errorf("%d, ETag %q", a.status, etag)
		}
		c.askAs(one, "GET", second, nil).want(c.t, 404, `{"detail":"No `+c.r.Class+` matches the given query."}`)
	})
	c.step("options_object", func() {
		_, one := c.user("view", c.ids[0])
		c.askAs(one, "OPTIONS", first, nil).want(c.t, 200, "")
	})
}

func (c *candidate) lists() {
	all := c.count()
	c.step("list_objects_anonymous", func() {
		c.exempt(func(status int) {
			a := c.askAs("", "GET", c.path+"?limit=0", nil)
			if a.status != status || status == 200 && len(a.results(c.t)) != c.count() {
				c.t.Errorf("%d, want %d and %d objects", a.status, status, c.count())
			}
		})
	})
	c.step("list_objects_brief", func() {
		rows := c.get(c.path + "?brief=1&limit=0").results(c.t)
		if len(rows) < all {
			c.t.Errorf("%d rows, want %d", len(rows), all)
		}
		slices.Sort(c.brief)
		for _, o := range rows {
			if got := slices.Sorted(keysOf(o)); !slices.Equal(got, c.brief) {
				c.t.Fatalf("keys %v, want %v", got, c.brief)
			}
		}
	})
	c.step("list_objects_without_permission", func() {
		if c.r.Public {
			return
		}
		_, nobody := c.user("")
		a := c.askAs(nobody, "GET", c.path, nil)
		if !c.personal {
			c.refused(a)
		} else if rows := a.results(c.t); len(rows) != 1 {
			c.t.Errorf("%d rows, want the one of the user", len(rows))
		}
	})
	c.step("list_objects", func() {
		if c.r.Public {
			return
		}
		_, two := c.user("view", c.ids[0], c.ids[1])
		want := 2
		if c.personal {
			want++
		}
		if rows := c.askAs(two, "GET", c.path, nil).results(c.t); len(rows) != want {
			c.t.Errorf("%d rows, want %d", len(rows), want)
		}
	})
	c.step("options_list", func() {
		_, nobody := c.user("")
		c.askAs(nobody, "OPTIONS", c.path, nil).want(c.t, 200, "")
	})
}

func (c *candidate) cannotBeWritten() {
	c.step("write", func() {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			want := `{"detail":"Method \"` + method + `\" not allowed."}`
			c.ask(method, c.path, []object{{"id": c.ids[0]}}).want(c.t, 405, want)
			c.ask(method, path(c.path, c.ids[0]), object{}).want(c.t, 405, want)
		}
	})
}

func keysOf(o object) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range o {
			if !yield(k) {
				return
			}
		}
	}
}

// conforms says whether an answer shows what a request asked for: references by id, choices by value, the rest as it is.
func conforms(want, got any) bool {
	switch got := got.(type) {
	case map[string]any:
		attrs, dict := want.(map[string]any)
		if !dict {
			return reflect.DeepEqual(want, got["value"]) || reflect.DeepEqual(want, got["id"])
		}
		for k, v := range attrs {
			if !conforms(v, got[k]) {
				return false
			}
		}
		return true
	case []any:
		items, list := want.([]any)
		if !list || len(items) != len(got) {
			return false
		}
		for i := range items {
			if !conforms(items[i], got[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, got)
}

// shows holds an object of an answer against what the request said.
func (c *candidate) shows(asked object, got object) {
	c.t.Helper()
	text, err := json.Marshal(asked)
	var want object
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range want {
		_, there := got[k]
		switch {
		case slices.Contains([]string{"changelog_message", "add_tags", "remove_tags", "id"}, k):
		case slices.Contains(c.hidden, k):
			if there && got[k] != nil {
				c.t.Errorf("%s is shown: %v", k, got[k])
			}
		case !there:
			c.t.Errorf("%s is not shown", k)
		case !conforms(v, got[k]):
			c.t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
}
