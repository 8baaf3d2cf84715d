package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestJobsAreFoundByGuest(t *testing.T) {
	w := newWorld(t)
	w.exec("UPDATE clusters SET endpoint_id = $1 WHERE id = $2", w.prod, w.prodCluster)
	w.exec("UPDATE clusters SET endpoint_id = $1 WHERE id = $2", w.lab, w.labCluster)
	for _, g := range []object{
		{"name": "a", "cluster": w.prodCluster, "vmid": 100, "node": w.node1, "pool": "gold"},
		{"name": "b", "cluster": w.prodCluster, "vmid": 101, "node": w.node2, "pool": "iron"},
		{"name": "c", "cluster": w.labCluster, "vmid": 100, "node": w.labNode},
		{"name": "d", "cluster": w.labCluster, "vmid": 102},
		{"name": "gone", "cluster": w.prodCluster, "vmid": 103, "node": w.node1, "pool": "gold"},
	} {
		w.make(vmsPath, g)
	}
	w.exec("UPDATE virtual_machines SET present = false WHERE name = 'gone'")
	for _, r := range []object{
		{"job_id": "names", "selection": []int{100, 103}},
		{"job_id": "names1", "selection": []int{100, 104}, "node": w.node1},
		{"job_id": "names2", "selection": []int{100, 101, 104}, "node": w.node2},
		{"job_id": "all"},
		{"job_id": "all1", "node": w.node1},
		{"job_id": "but"},
		{"job_id": "gold"},
		{"job_id": "gold2", "node": w.node2},
		{"job_id": "iron"},
		{"job_id": "none"},
		{"job_id": "lab", "endpoint": w.lab},
		{"job_id": "lab1", "endpoint": w.lab, "selection": []int{1000}},
	} {
		if r["endpoint"] == nil {
			r["endpoint"] = w.prod
		}
		w.make(routinesPath, r)
	}
	w.exec("UPDATE backup_routines SET exclude = '[100, 200]' WHERE job_id = 'but'")
	w.exec("UPDATE backup_routines SET selection_mode = 'pool', pool = left(job_id, 4) WHERE job_id IN ('gold', 'gold2', 'iron')")
	w.exec("UPDATE backup_routines SET selection_mode = 'none' WHERE job_id = 'none'")
	for _, r := range []object{
		{"replication_id": "100-0", "endpoint": w.prod, "guest": 100}, {"replication_id": "101-0", "endpoint": w.prod, "guest": 101}, {"replication_id": "100-0", "endpoint": w.lab, "guest": 100}, {"replication_id": "5-0", "guest": 5},
	} {
		r["virtual_machine"], r["target"], r["jobnum"] = w.web, "b", 0
		w.make(replsPath, r)
	}
	find := func(list, query, key string) string {
		return strings.Join(w.get(list+"?"+query+"&ordering=id").column(t, key), " ")
	}
	for query, want := range map[string]string{
		"vmid=100":                            "names names1 names2",
		"vmid=100&vmid=101":                   "names names1 names2",
		"vmid=101":                            "names2",
		"vmid=10":                             "",
		"vmid=1000&vmid=":                     "lab1",
		"vmid=":                               "names names1 names2 all all1 but gold gold2 iron none lab lab1",
		"covers=100":                          "names names1 all all1 gold lab",
		"covers=101":                          "names2 all but iron",
		"covers=102":                          "lab",
		"covers=103":                          "names",         // it is gone: nothing but its own job is still about it
		"covers=104":                          "names1 names2", // nobody knows where it is
		"covers=7":                            "",
		"covers=101&covers=1000&enabled=true": "names2 all but iron lab1",
		"covers=100&vmid=101":                 "",
		fmt.Sprint("covers=100&cluster=", w.labCluster):                                      "lab",
		"covers=100&cluster=lab-cluster":                                                     "lab",
		fmt.Sprint("cluster_id=", w.labCluster):                                              "lab lab1",
		fmt.Sprint("cluster_id=", w.labCluster, "&cluster_id=", w.prodCluster, "&vmid=1000"): "lab1",
		"cluster__n=prod-cluster":                                                            "lab lab1",
		fmt.Sprint("cluster_id__n=", w.labCluster, "&vmid=101"):                              "names2",
		"cluster=null": "",
	} {
		if got := find(routinesPath, query, "job_id"); got != want {
			t.Errorf("routines ?%s: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"vmid=100": "100-0 100-0", "covers=100": "100-0 100-0", "vmid=101&vmid=5": "101-0 5-0", "vmid=100&cluster=prod-cluster": "100-0", "cluster=null": "5-0", "cluster__n=null": "100-0 101-0 100-0",
		"cluster=lab-cluster&cluster=null": "100-0 5-0",
	} {
		if got := find(replsPath, query, "replication_id"); got != want {
			t.Errorf("replications ?%s: %q, want %q", query, got, want)
		}
	}
	for _, list := range []string{routinesPath, replsPath} {
		for query, want := range map[string]string{
			"vmid=x":         `{"vmid":["Enter a whole number."]}`,
			"covers=1,2":     `{"covers":["Enter a whole number."]}`,
			"cluster=99":     `{"cluster":["Select a valid choice. That choice is not one of the available choices."]}`,
			"cluster=nope":   `{"cluster":["Select a valid choice. That choice is not one of the available choices."]}`,
			"cluster_id=99":  `{"cluster_id":["Select a valid choice. 99 is not one of the available choices."]}`,
			"cluster_id=lab": `{"cluster_id":["“lab” is not a valid value."]}`,
		} {
			w.get(list+"?"+query).want(t, 400, want)
		}
	}
}
