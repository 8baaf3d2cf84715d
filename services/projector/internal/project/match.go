package project

import (
	"cmp"
	"slices"
)

const (
	// alike is the likeness from which on two jobs can be one that was edited.
	alike = 50
	// alikeInPlace is enough where no job can have come: Proxmox VE edits a job where it stands and appends a new one, so that between jobs
	// that are the same as before, as many as before are those of before.
	alikeInPlace = 25
	// sameScore is more than all jobs of a gap together can be alike.
	sameScore = 1 << 20
	// maxCells bounds the work on a gap. Where more was edited at once, order alone tells jobs, if their number is the same.
	maxCells = 200 * 200
)

// matchCron pairs rows with jobs, each at most once, by what is surest first:
//  1. an active row and a job that say the same, wherever they stand; of several that do, those that fit into the order of the file;
//  2. a stale row and a job that say the same, the last row that was made first: a job that was deleted and made again;
//  3. an active row and a job that are alike, in order, and stand between the same pairs: a job that was edited while all ids moved.
//
// Whatever remains is gone, or new. So is a job that says what another row said: no row takes over what was another's.
func matchCron(old, fresh []cronJob) []pair {
	byLine := func(a, b cronJob) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.id, b.id)) }
	var returning []cronJob
	m := matching{fresh: slices.SortedFunc(slices.Values(fresh), byLine), known: map[string]bool{}}
	for _, c := range slices.SortedFunc(slices.Values(old), byLine) {
		m.known[c.text] = true
		if c.stale {
			returning = append(returning, c)
		} else {
			m.old = append(m.old, c)
		}
	}
	m.partner = slices.Repeat([]int{nobody}, len(m.old))
	m.taken = make([]bool, len(m.fresh))

	m.equals(func(before, after int) bool { return before == after })
	m.gaps(m.alignTwins)
	m.equals(func(int, int) bool { return true })
	pairs := m.comeBack(returning)
	m.gaps(m.alignAlike)
	for i, j := range m.partner {
		if j != nobody {
			pairs = append(pairs, pair{m.old[i].id, m.fresh[j].job})
		}
	}
	return pairs
}

// matching is what is known so far of jobs before and after, both in the order of the file.
type matching struct {
	old, fresh []cronJob
	partner    []int           // by the place of an old job, that of the fresh one that it is, or nobody
	taken      []bool          // by the place of a fresh job, whether it has a row
	known      map[string]bool // what rows say, stale ones too
}

const nobody = -1

func (m *matching) pair(i, j int) { m.partner[i], m.taken[j] = j, true }

// equals pairs jobs that say the same, in their order, where the numbers of such jobs before and after are as wanted.
func (m *matching) equals(wanted func(before, after int) bool) {
	before, after := map[string][]int{}, map[string][]int{}
	for i, c := range m.old {
		if m.partner[i] == nobody {
			before[c.text] = append(before[c.text], i)
		}
	}
	for j, c := range m.fresh {
		if !m.taken[j] {
			after[c.text] = append(after[c.text], j)
		}
	}
	for text, olds := range before {
		freshs := after[text]
		if !wanted(len(olds), len(freshs)) {
			continue
		}
		for k := range min(len(olds), len(freshs)) {
			m.pair(olds[k], freshs[k])
		}
	}
}

// comeBack pairs stale rows with jobs that say the same.
func (m *matching) comeBack(returning []cronJob) []pair {
	slices.SortFunc(returning, func(a, b cronJob) int { return cmp.Compare(b.id, a.id) })
	rows := map[string][]cronJob{}
	for _, c := range returning {
		rows[c.text] = append(rows[c.text], c)
	}
	var pairs []pair
	for j, c := range m.fresh {
		if queue := rows[c.text]; len(queue) > 0 && !m.taken[j] {
			pairs = append(pairs, pair{queue[0].id, c.job})
			rows[c.text], m.taken[j] = queue[1:], true
		}
	}
	return pairs
}

// gap holds the jobs without a partner between two neighbouring pairs that kept their order, by their places.
type gap struct {
	old, fresh []int
	last       bool // no pair follows
}

func (g gap) tooLarge() bool { return len(g.old)*len(g.fresh) > maxCells }

// gaps gives each gap that has jobs on both sides to pair.
func (m *matching) gaps(pair func(gap)) {
	anchors := append(m.inOrder(), [2]int{len(m.old), len(m.fresh)})
	var list []gap
	i, j := 0, 0
	for k, anchor := range anchors {
		g := gap{last: k == len(anchors)-1}
		for ; i < anchor[0]; i++ {
			if m.partner[i] == nobody {
				g.old = append(g.old, i)
			}
		}
		for ; j < anchor[1]; j++ {
			if !m.taken[j] {
				g.fresh = append(g.fresh, j)
			}
		}
		if len(g.old) > 0 && len(g.fresh) > 0 {
			list = append(list, g)
		}
	}
	for _, g := range list {
		pair(g)
	}
}

// inOrder is a longest run of pairs that have the same order before and after.
func (m *matching) inOrder() [][2]int {
	var ends []int // by length less one, the old job that ends such a run at the first place after
	before := make([]int, len(m.old))
	for i, j := range m.partner {
		if j == nobody {
			continue
		}
		n, _ := slices.BinarySearchFunc(ends, j, func(end, j int) int { return cmp.Compare(m.partner[end], j) })
		if before[i] = nobody; n > 0 {
			before[i] = ends[n-1]
		}
		ends = append(ends[:n], append([]int{i}, ends[min(n+1, len(ends)):]...)...)
	}
	var run [][2]int
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i != nobody; i = before[i] {
			run = append(run, [2]int{i, m.partner[i]})
		}
	}
	slices.Reverse(run)
	return run
}

// alignTwins decides by what stands around them which of several equal jobs is missing, or new. It pairs jobs that say the same alone.
func (m *matching) alignTwins(g gap) {
	if !slices.ContainsFunc(g.fresh, func(j int) bool { return m.known[m.fresh[j].text] }) {
		return
	}
	same := func(i, j int) bool { return m.old[i].text == m.fresh[j].text }
	for _, p := range align(g, func(i, j int) int {
		if same(i, j) {
			return sameScore
		}
		return m.excess(i, j)
	}) {
		if same(p[0], p[1]) {
			m.pair(p[0], p[1])
		}
	}
}

// alignAlike pairs jobs that are alike.
func (m *matching) alignAlike(g gap) {
	if m.inPlace(g) {
		for k, i := range g.old {
			m.pair(i, g.fresh[k])
		}
		return
	}
	for _, p := range align(g, m.excess) {
		m.pair(p[0], p[1])
	}
}

// inPlace tells whether the jobs of a gap are those of before, in their order.
func (m *matching) inPlace(g gap) bool {
	enough := alikeInPlace
	if g.last { // jobs can have come
		enough = alike
	}
	if len(g.old) != len(g.fresh) || g.last && !g.tooLarge() {
		return false
	}
	for k, i := range g.old {
		if c := m.fresh[g.fresh[k]]; m.known[c.text] || likeness(m.old[i].cronContent, c.cronContent) < enough {
			return false
		}
	}
	return true
}

// excess is by how much two jobs are more alike than one that was edited must be: 0 if they are not. So what is barely alike counts little
// against what surely is.
func (m *matching) excess(i, j int) int {
	if m.known[m.fresh[j].text] {
		return 0
	}
	return max(0, likeness(m.old[i].cronContent, m.fresh[j].cronContent)-alike+1)
}

// align pairs jobs of a gap in their order so that the sum of their scores is the highest, the first ones where several ways are as good. A
// score of 0 is no pair.
func align(g gap, score func(i, j int) int) [][2]int {
	if g.tooLarge() {
		return nil
	}
	rows, cols := len(g.old), len(g.fresh)
	at := func(r, c int) int { return r*(cols+1) + c }
	scores, best := make([]int, (rows+1)*(cols+1)), make([]int, (rows+1)*(cols+1)) // best of what follows each place
	for r := rows - 1; r >= 0; r-- {
		for c := cols - 1; c >= 0; c-- {
			s := score(g.old[r], g.fresh[c])
			scores[at(r, c)] = s
			best[at(r, c)] = max(best[at(r+1, c)], best[at(r, c+1)])
			if s > 0 {
				best[at(r, c)] = max(best[at(r, c)], s+best[at(r+1, c+1)])
			}
		}
	}
	var pairs [][2]int
	for r, c := 0, 0; r < rows && c < cols; {
		switch s := scores[at(r, c)]; {
		case s > 0 && best[at(r, c)] == s+best[at(r+1, c+1)]:
			pairs = append(pairs, [2]int{g.old[r], g.fresh[c]})
			r, c = r+1, c+1
		case best[at(r, c)] == best[at(r+1, c)]:
			r++
		default:
			c++
		}
	}
	return pairs
}
