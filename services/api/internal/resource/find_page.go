package resource

import "strings"

// defaultWalk is how far into a list its order is walked row by row. Beyond, rows are skipped by the counts of groups where the order allows that.
const defaultWalk = 2000

// findSQL makes one statement of the count and the ids of a page, in order, so that both see the same rows. What objects show is read afterwards, for
// the rows of the page alone.
func findSQL(q *query, p page, ordering string) string {
	r := q.r
	if p.cursor {
		q.cond("t.id >= " + q.arg(p.start) + "::bigint")
		return "SELECT 0::bigint, " + idList(r.walkSQL(q, p, []term{{path: []*Field{r.fields["id"]}}}))
	}
	terms := r.order(ordering)
	if lead, n := leading(terms); lead != nil && p.limit > 0 && p.offset > p.walk {
		return r.skipSQL(q, p, terms, lead, n)
	}
	return "SELECT (SELECT count(*) FROM " + r.Table + " t" + q.whereSQL() + "), " + idList(r.walkSQL(q, p, terms))
}

// idList leaves the ids that a statement finds to the statement that shows their rows, and returns them.
func idList(sql string) string {
	return "set_config('" + foundIDs + "', ARRAY(" + sql + ")::text, true)"
}

// window writes LIMIT and OFFSET of a page.
func (p page) window(q *query) (sql string) {
	if p.limit > 0 {
		sql += " LIMIT " + q.arg(p.limit) + "::bigint"
	}
	if p.offset > 0 {
		sql += " OFFSET " + q.arg(p.offset) + "::bigint"
	}
	return sql
}

// leading returns the reference that an order begins with, and how many terms go through it; nil if it begins with a column of the rows themselves.
func leading(terms []term) (lead *Field, n int) {
	for _, t := range terms {
		if len(t.path) < 2 || lead != nil && t.path[0] != lead {
			break
		}
		lead = t.path[0]
		n++
	}
	return lead, n
}

// walkSQL walks the rows of a list in order. An order that begins with a reference is walked target by target, so that a page needs no sort of all
// rows: with an inner join Postgres may begin with the targets. Rows without a target come before or after, as nulls do.
func (r *Resource) walkSQL(q *query, p page, terms []term) string {
	lead, _ := leading(terms)
	if lead == nil || !lead.Null || p.limit == 0 {
		return r.orderedSQL(q, terms, "") + p.window(q)
	}
	ends := page{limit: p.limit + p.offset}
	with := "(" + r.orderedSQL(q, terms, lead.sql("t")+" IS NOT NULL") + ends.window(q) + ")"
	without := "(" + r.orderedSQL(q, terms, lead.sql("t")+" IS NULL") + ends.window(q) + ")"
	if terms[0].down {
		with, without = without, with
	}
	return "SELECT u.id FROM (" + with + " UNION ALL " + without + ") u" + p.window(q)
}

// orderedSQL returns the ids of the rows that a query finds, in order. The condition more, if any, is that the first reference of the order is null
// or is not.
func (r *Resource) orderedSQL(q *query, terms []term, more string) string {
	lead, _ := leading(terms)
	joins := newPlan()
	joins.sure = func(f *Field) bool { return !f.Null || f == lead && strings.HasSuffix(more, " IS NOT NULL") }
	order := r.orderSQL(joins, terms)
	return "SELECT t.id::bigint AS id FROM " + r.Table + " t " + joins.joinSQL() + and(q.whereSQL(), more) + " ORDER BY " + order
}

func and(where, more string) string {
	switch {
	case more == "":
		return where
	case where == "":
		return " WHERE " + more
	}
	return where + " AND " + more
}

// skipSQL finds a page deep in an order that begins with a reference: the rows are counted by target, targets in front of the page are skipped by these
// counts, and only rows of the targets that reach into the page are sorted. Targets that compare as equal are skipped or taken together. The first n
// terms go through the reference.
func (r *Resource) skipSQL(q *query, p page, terms []term, lead *Field, n int) string {
	limit, offset := q.arg(p.limit)+"::bigint", q.arg(p.offset)+"::bigint"
	target := lead.sql("t")
	groups := newPlan()
	keys, order := make([]string, n), make([]string, n)
	for i, t := range terms[:n] {
		keys[i] = r.key(groups, t, "g.k")
		order[i] = t.directed(keys[i])
	}
	reaching := target + " = ANY(ARRAY(SELECT s.k FROM s))"
	if lead.Null {
		reaching = "(" + reaching + " OR " + target + " IS NULL AND EXISTS (SELECT FROM s WHERE s.k IS NULL))"
	}
	joins := newPlan()
	sorted := r.orderSQL(joins, terms)
	return "WITH g AS MATERIALIZED (SELECT " + target + " AS k, count(*)::int AS n FROM " + r.Table + " t" + q.whereSQL() + " GROUP BY 1), " +
		"o AS (SELECT g.k, sum(g.n) OVER (ORDER BY " + strings.Join(order, ", ") + ") AS upto, sum(g.n) OVER (PARTITION BY " + strings.Join(keys, ", ") +
		") AS own FROM g " + groups.joinSQL() + "), " +
		"s AS MATERIALIZED (SELECT o.k, o.upto - o.own AS before FROM o WHERE o.upto > " + offset + " AND o.upto - o.own < " + offset + " + " + limit + ") " +
		"SELECT coalesce((SELECT sum(g.n) FROM g), 0)::bigint, " + idList("SELECT t.id::bigint FROM "+r.Table+" t "+joins.joinSQL()+
		and(q.whereSQL(), reaching)+" ORDER BY "+sorted+" LIMIT "+limit+" OFFSET "+offset+" - coalesce((SELECT min(s.before) FROM s), 0)")
}
