package rest_test

import (
	"fmt"
	"maps"
)

// logged checks that the last change of an object is this one.
func (c *candidate) logged(id int, action, user, message string) {
	c.t.Helper()
	rows := c.changes(int(c.r.Type), id)
	if len(rows) == 0 {
		c.t.Errorf("nothing is logged of object %d", id)
		return
	}
	if last := rows[len(rows)-1]; last.Action != action || last.Message != message || last.User != user {
		c.t.Errorf("object %d: %s by %s with the message %q is logged last, want %s by %s with %q", id, last.Action, last.User, last.Message, action, user, message)
	}
}

func id(o object) int { return int(o["id"].(float64)) }

// mine makes objects belong to a user, where they belong to anybody.
func (c *candidate) mine(o object, user string) object {
	if c.personal {
		o["user"] = c.as[user]
	}
	return o
}

func (c *candidate) creates() {
	c.step("create_object_without_permission", func() {
		if c.personal {
			return // their own anybody may make
		}
		_, viewer := c.user("view")
		c.refused(c.askAs(viewer, "POST", c.path, c.next()))
	})
	c.step("create_object", func() {
		name, adder := c.user("add")
		asked := c.mine(c.next(), name)
		before := c.count()
		a := c.askAs(adder, "POST", c.path, asked)
		if a.status != 201 {
			c.t.Fatalf("%d %s", a.status, a.body)
		}
		made := a.json(c.t)
		if n := c.count(); n != before+1 {
			c.t.Errorf("%d objects, want %d", n, before+1)
		}
		if u := c.http.URL + path(c.path, id(made)); a.header.Get("Location") != u || a.header.Get("ETag") == "" || made["url"] != u {
			c.t.Errorf("Location %s, ETag %s, url %v; want %s", a.header.Get("Location"), a.header.Get("ETag"), made["url"], u)
		}
		c.shows(asked, made)
		c.shows(asked, c.get(path(c.path, id(made))).json(c.t))
		c.logged(id(made), "create", name, asked["changelog_message"].(string))
	})
	c.step("bulk_create_objects", func() {
		name, adder := c.user("add")
		asked := []object{c.mine(c.next(), name), c.mine(c.next(), name), c.mine(c.next(), name)}
		before := c.count()
		a := c.askAs(adder, "POST", c.path, asked)
		if a.status != 201 {
			c.t.Fatalf("%d %s", a.status, a.body)
		}
		made := a.list(c.t)
		if n := c.count(); n != before+3 || len(made) != 3 {
			c.t.Fatalf("%d objects, %d of them shown; want %d and 3", n, len(made), before+3)
		}
		for i, o := range made {
			c.shows(asked[i], o)
			c.logged(id(o), "create", name, asked[i]["changelog_message"].(string))
		}
	})
}

func (c *candidate) updates() {
	one := path(c.path, c.ids[0])
	c.step("update_object_without_permission", func() {
		_, viewer := c.user("view")
		c.refused(c.askAs(viewer, "PATCH", one, c.update))
	})
	c.step("update_object", func() {
		name, changer := c.user("change")
		asked := with(c.update, "changelog_message", "changed")
		a := c.askAs(changer, "PATCH", one, asked)
		if a.status != 200 {
			c.t.Fatalf("%d %s", a.status, a.body)
		}
		c.shows(asked, a.json(c.t))
		c.shows(asked, c.get(one).json(c.t))
		c.logged(c.ids[0], "update", name, "changed")
	})
	c.step("update_object_with_etag", func() {
		_, changer := c.user("change")
		patch := func(etag string, status int) answer {
			a := c.ask("PATCH", one, c.update, "Authorization", changer, "If-Match", etag)
			a.want(c.t, status, "")
			return a
		}
		first := c.get(one).header.Get("ETag")
		second := patch(first, 200).header.Get("ETag")
		if first == "" || second == "" || first == second {
			c.t.Errorf("ETags %s, then %s", first, second)
		}
		if got := patch(first, 412).header.Get("ETag"); got != second {
			c.t.Errorf("the refusal tells the ETag %s, want %s", got, second)
		}
	})
	c.step("bulk_update_objects", func() {
		name, changer := c.user("change")
		var asked []object
		for i, id := range c.ids {
			asked = append(asked, with(with(c.bulkUpdate, "id", id), "changelog_message", fmt.Sprint("bulk ", i)))
		}
		a := c.askAs(changer, "PATCH", c.path, asked)
		if a.status != 200 {
			c.t.Fatalf("%d %s", a.status, a.body)
		}
		shown := map[int]object{}
		for _, o := range a.list(c.t) {
			shown[id(o)] = o
		}
		for i, id := range c.ids {
			c.shows(asked[i], shown[id])
			c.shows(asked[i], c.get(path(c.path, id)).json(c.t))
			c.logged(id, "update", name, asked[i]["changelog_message"].(string))
		}
		_, some := c.user("change", c.ids[0])
		if got := c.askAs(some, "PATCH", c.path, asked).list(c.t); len(got) != 1 {
			c.t.Errorf("%d objects are changed by who may change one", len(got))
		}
	})
}

func (c *candidate) deletes() {
	gone := c.make(c.path, c.next())
	c.step("delete_object_without_permission", func() {
		_, viewer := c.user("view")
		c.refused(c.askAs(viewer, "DELETE", path(c.path, gone), nil))
		_, none := c.user("delete", c.ids[0])
		c.askAs(none, "DELETE", path(c.path, gone), nil).want(c.t, 404, "")
	})
	c.step("delete_object", func() {
		name, deleter := c.user("delete")
		c.askAs(deleter, "DELETE", path(c.path, gone), object{"changelog_message": "deleted"}).want(c.t, 204, "")
		c.get(path(c.path, gone)).want(c.t, 404, "")
		c.logged(gone, "delete", name, "deleted")
	})
	c.step("bulk_delete_objects", func() {
		name, deleter := c.user("delete")
		_, some := c.user("delete", c.ids[0])
		before := c.count()
		var asked []object
		for i, id := range c.ids {
			asked = append(asked, object{"id": id, "changelog_message": fmt.Sprint("gone ", i)})
		}
		c.askAs(some, "DELETE", c.path, asked[1:]).want(c.t, 204, "")
		if n := c.count(); n != before {
			c.t.Errorf("who may delete none of them deleted %d", before-n)
		}
		c.askAs(deleter, "DELETE", c.path, asked).want(c.t, 204, "")
		if n := c.count(); n != before-3 {
			c.t.Errorf("%d objects, want %d", n, before-3)
		}
		for i, id := range c.ids {
			c.logged(id, "delete", name, asked[i]["changelog_message"].(string))
		}
	})
}

// with returns an object with one value more.
func with(o object, key string, v any) object {
	o = maps.Clone(o)
	o[key] = v
	return o
}
