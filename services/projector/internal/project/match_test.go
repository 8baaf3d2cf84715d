package project_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// oldCluster is a cluster of Proxmox VE 6.4 that people work on. Unlike Proxops it knows which job is which: by its id in the world.
type oldCluster struct {
	*lab
	*pvesim.Cluster
	endpoint int32
	rand     *rand.Rand
	donors   []pvesim.BackupJob // to take values and new jobs from
	rows     map[string]int32   // by the id in the world
	configs  map[int32]string   // what each row said, without the id
}

func newOldCluster(l *lab, seed int64) *oldCluster {
	l.Helper()
	c := &oldCluster{
		lab: l, Cluster: pvesim.New("6.4", pvesim.WithWorld(pvesim.Generate("old", seed, 3, 20, 12))),
		endpoint: l.endpoint(fmt.Sprint("old", seed)), rand: rand.New(rand.NewPCG(uint64(seed), 6)),
		donors: pvesim.Generate("donor", seed+1000, 3, 20, 300).Backups,
	}
	c.poll()
	return c
}

// wire is what the cluster lists, in the order of its world.
func (c *oldCluster) wire() []map[string]any {
	c.Helper()
	r := httptest.NewRequest(http.MethodGet, "/api2/json/cluster/backup", nil)
	r.Header.Set("Authorization", c.Token().Header())
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	var body struct{ Data []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusOK {
		c.Fatalf("list of jobs: %d %s: %v", w.Code, w.Body, err)
	}
	return body.Data
}

// poll applies what the cluster lists and reads in which rows its jobs are.
func (c *oldCluster) poll() {
	c.Helper()
	var jobs []*proxopsv1.BackupRoutine
	for _, o := range c.wire() {
		jobs = append(jobs, routine(o["id"].(string), func(j *proxopsv1.BackupRoutine) { j.RawConfig = mustJSON(o) }))
	}
	c.apply(routinesOf(c.endpoint, jobs...))
	c.configs = map[int32]string{}
	byJob := map[string]int32{}
	for _, text := range all[string](c.lab, `SELECT json_build_object('id', id, 'job', job_id, 'config', (raw_config - 'id')::text)::text
		FROM backup_routines WHERE endpoint_id = $1 AND status = 'active'`, c.endpoint) {
		var row struct {
			ID          int32
			Job, Config string
		}
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			c.Fatal(err)
		}
		byJob[row.Job], c.configs[row.ID] = row.ID, row.Config
	}
	c.rows = map[string]int32{}
	for i, j := range c.World().Backups {
		c.rows[j.ID] = byJob[c.BackupIDs()[i]]
	}
	if len(byJob) != len(c.rows) {
		c.Fatalf("%d active rows for %d jobs", len(byJob), len(c.rows))
	}
}

// edit changes the job at i in up to n ways.
func (c *oldCluster) edit(w *pvesim.World, i, n int) {
	j := &w.Backups[i]
	for range 1 + c.rand.IntN(n) {
		d := c.donors[c.rand.IntN(len(c.donors))].Clone()
		switch c.rand.IntN(9) {
		case 0:
			j.Schedule = d.Schedule
		case 1:
			j.Storage = d.Storage
		case 2:
			j.All, j.VMID, j.Exclude, j.Pool = d.All, d.VMID, d.Exclude, d.Pool
		case 3:
			j.Node = d.Node
		case 4:
			j.Prune, j.MaxFiles = d.Prune, d.MaxFiles
		case 5:
			j.Mode, j.Compress = d.Mode, d.Compress
		case 6:
			j.MailTo, j.MailNotification = d.MailTo, d.MailNotification
		case 7:
			j.BWLimit = new(1 + c.rand.IntN(1<<20))
		default:
			j.Disabled = !j.Disabled
		}
	}
}

func (c *oldCluster) insert(w *pvesim.World, at int) {
	j := c.donors[0]
	c.donors = c.donors[1:]
	w.Backups = slices.Insert(w.Backups, at, j)
}

func (c *oldCluster) remove(w *pvesim.World, i int) { w.Backups = slices.Delete(w.Backups, i, i+1) }

// taken lists the rows that now say what another row said.
func (c *oldCluster) taken(before map[int32]string) (list []string) {
	for id, config := range c.configs {
		for other, said := range before {
			if own, old := before[id]; old && own != config && other != id && said == config {
				list = append(list, fmt.Sprintf("row %d has what row %d said: %s", id, other, config))
			}
		}
	}
	return list
}

// kept is the share of what two versions of a job say that is the same, where time, guests, storage and node count twice.
func kept(before, after map[string]any) float64 {
	weight := func(field string) float64 {
		switch field {
		case "starttime", "guests", "storage", "node":
			return 2
		}
		return 1
	}
	a, b := asPeopleSee(before), asPeopleSee(after)
	var same, all float64
	for field, v := range a {
		all += weight(field)
		if reflect.DeepEqual(b[field], v) {
			same += 2 * weight(field)
		}
	}
	for field := range b {
		all += weight(field)
	}
	return same / all
}

// asPeopleSee leaves out the id and takes the choice of guests as one field.
func asPeopleSee(o map[string]any) map[string]any {
	o = without(o, "id")
	guests := []any{o["all"], o["vmid"], o["exclude"], o["pool"]}
	for _, field := range []string{"all", "vmid", "exclude", "pool"} {
		delete(o, field)
	}
	o["guests"] = guests
	return o
}

func TestAnEditedJobOfTheCronFileIsKnownWhereverItMoves(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	edits, moved, lost := 0, 0, 0
	for seed := range int64(12) {
		c := newOldCluster(l, seed)
		for range 20 {
			rows, configs, world := c.rows, c.configs, c.World()
			wire := map[string]map[string]any{}
			for i, o := range c.wire() {
				wire[world.Backups[i].ID] = o
			}
			i := c.rand.IntN(len(world.Backups))
			edited := world.Backups[i].ID
			c.Edit(func(w *pvesim.World) {
				c.edit(w, i, 4)
				at := c.rand.IntN(len(w.Backups))
				switch n := c.rand.IntN(4); {
				case n < 2 && at != i && len(w.Backups) > 6:
					c.remove(w, at)
				case n == 2:
					c.insert(w, at)
				default:
					c.insert(w, len(w.Backups))
				}
			})
			after := map[string]map[string]any{}
			for i, o := range c.wire() {
				after[c.World().Backups[i].ID] = o
			}
			c.poll()
			for _, said := range c.taken(configs) {
				t.Error(said)
			}
			for id, row := range c.rows {
				was, old := rows[id]
				switch {
				case id != edited && old && was != row:
					t.Errorf("seed %d: a job that nobody edited is in row %d instead of %d", seed, row, was)
				case id != edited || reflect.DeepEqual(without(wire[id], "id"), without(after[id], "id")):
				case kept(wire[id], after[id]) < 0.5:
				default:
					edits++
					if line(wire[id]) != line(after[id]) {
						moved++
					}
					if was != row {
						lost++
						t.Errorf("seed %d: the edited job is in row %d instead of %d:\n%v\n%v", seed, row, was, wire[id], after[id])
					}
				}
			}
		}
	}
	t.Logf("%d of %d edited jobs kept their rows; %d of them moved", edits-lost, edits, moved)
	if moved < 50 {
		t.Errorf("only %d edited jobs moved, so little was proved", moved)
	}
}

func without(o map[string]any, field string) map[string]any {
	o = maps.Clone(o)
	delete(o, field)
	return o
}

// line is the place of a job in the file.
func line(o map[string]any) string { return o["id"].(string)[41:] }

func TestManyEditsOfTheCronFileNeverHandARowToAnotherJob(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	survived, lost, wrong := 0, 0, 0
	for seed := range int64(10) {
		c := newOldCluster(l, 100+seed)
		for range 15 {
			rows, configs := c.rows, c.configs
			c.Edit(func(w *pvesim.World) {
				for range 2 + c.rand.IntN(5) {
					n := len(w.Backups)
					switch i := c.rand.IntN(n); c.rand.IntN(7) {
					case 0, 1, 2:
						c.edit(w, i, 2)
					case 3:
						if n > 6 {
							c.remove(w, i)
						}
					case 4:
						c.insert(w, n)
					case 5:
						c.insert(w, i)
					default: // moves
						j := w.Backups[i]
						c.remove(w, i)
						w.Backups = slices.Insert(w.Backups, c.rand.IntN(n), j)
					}
				}
			})
			c.poll()
			for _, said := range c.taken(configs) {
				t.Error(said)
			}
			owners := map[int32]string{}
			for id, row := range rows {
				owners[row] = id
			}
			for id, row := range c.rows {
				if was, old := rows[id]; old {
					survived++
					if was != row {
						lost++
					}
				}
				if owner, old := owners[row]; old && owner != id {
					wrong++
				}
			}
		}
	}
	t.Logf("%d of %d jobs kept their rows; %d rows went to another job", survived-lost, survived, wrong)
	if lost*20 > survived || wrong*100 > survived {
		t.Errorf("%d of %d jobs lost their rows, and %d rows went to another job", lost, survived, wrong)
	}
}
