package pvesim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// reading is what a careful client may take as true.
type reading struct{ Backups, Replications []string }

// read asks as a careful client does; the error says why the answers prove nothing.
func (c *client) read() (reading, error) {
	var r reading
	status, err := c.list("/cluster/status")
	if err != nil {
		return r, err
	}
	row, ok := status[0], len(status) > 0
	if !ok || row["name"] != "prod-cluster" || row["quorate"] != json.Number("1") {
		return r, fmt.Errorf("the cluster is %v", row)
	}
	for path, ids := range map[string]*[]string{"/cluster/backup": &r.Backups, "/cluster/replication": &r.Replications} {
		rows, err := c.list(path)
		if err != nil {
			return r, err
		}
		for _, row := range rows {
			*ids = append(*ids, row["id"].(string))
		}
	}
	return r, nil
}

func (c *client) list(path string) ([]map[string]any, error) {
	status, body, err := c.do(http.MethodGet, "/api2/json"+path)
	if err != nil {
		return nil, err
	}
	var list struct{ Data *[]map[string]any }
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	if err := dec.Decode(&list); err != nil || list.Data == nil || status != "200 OK" {
		return nil, fmt.Errorf("GET %s: %s %.40q %w", path, status, body, err)
	}
	return *list.Data, nil
}

// gone tells whether the cluster says that a job does not exist.
func (c *client) gone(path string) bool {
	status, body, err := c.do(http.MethodGet, "/api2/json"+path)
	return err == nil && (strings.HasPrefix(status, "500 no such replication job") ||
		strings.HasPrefix(status, "400 ") && strings.Contains(string(body), "No such job"))
}

func TestNoFaultProvesAJobGoneAndEachOneShows(t *testing.T) {
	for _, version := range pvesim.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c, client := start(t, version)
			healthy, err := client.read()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range pvesim.AllFaults() {
				f.Apply(c)
				if strings.HasPrefix(f.Name, "slow") {
					client.http.Timeout = 250 * time.Millisecond
				}
				got, err := client.read()
				client.http.Timeout = 20 * time.Second
				if err == nil {
					proveNothing(t, client, f, healthy, got)
				} else if f.Harmless {
					t.Errorf("%s is said to be harmless: %v", f.Name, err)
				}
				f.Undo(c)
				after, err := client.read()
				if err != nil {
					t.Fatalf("after %s: %v", f.Name, err)
				}
				if diff := cmp.Diff(healthy, after); diff != "" {
					t.Fatalf("after %s (-before +after):\n%s", f.Name, diff)
				}
			}
		})
	}
}

// proveNothing checks lists that look good: they lack jobs, and the cluster does not confirm it.
func proveNothing(t *testing.T, c *client, f pvesim.NamedFault, healthy, got reading) {
	t.Helper()
	missing := 0
	for path, ids := range map[string][2][]string{
		"/cluster/backup/": {healthy.Backups, got.Backups}, "/cluster/replication/": {healthy.Replications, got.Replications},
	} {
		for _, id := range ids[0] {
			if slices.Contains(ids[1], id) {
				continue
			}
			missing++
			if c.gone(path + id) {
				t.Errorf("%s: the cluster says that %s%s is gone", f.Name, path, id)
			}
		}
	}
	if missing == 0 != f.Harmless {
		t.Errorf("%s: %d jobs are missing, harmless is %t", f.Name, missing, f.Harmless)
	}
}

func TestAJobThatIsGoneIsSaidToBe(t *testing.T) {
	for _, version := range pvesim.Versions() {
		c, client := start(t, version)
		id := c.BackupIDs()[0]
		c.Edit(func(w *pvesim.World) { w.Backups = w.Backups[1:]; w.DeleteReplication("100-0") })
		if !client.gone("/cluster/backup/"+id) || !client.gone("/cluster/replication/100-0") {
			t.Errorf("%s does not say that deleted jobs are gone", version)
		}
	}
}

func TestBrokenConnectionsBreakAsTheySay(t *testing.T) {
	c, client := start(t, "9.2")
	for name, tt := range map[string]struct {
		fault pvesim.Fault
		want  error
	}{
		"cut":               {pvesim.CutBody, io.ErrUnexpectedEOF},
		"reset":             {pvesim.Reset, syscall.ECONNRESET},
		"reset in the body": {pvesim.ResetBody, syscall.ECONNRESET},
	} {
		c.Fault("/cluster/backup", tt.fault)
		if _, body, err := client.do(http.MethodGet, "/api2/json/cluster/backup"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v after %q, want %v", name, err, body, tt.want)
		}
		c.ClearFaults()
		client.get("/cluster/backup")
	}
}

func TestSlowAnswersComeInTime(t *testing.T) {
	c, client := start(t, "9.2")
	for name, f := range map[string]pvesim.Fault{
		"header": pvesim.SlowHeader(300 * time.Millisecond), "body": pvesim.SlowBody(300),
	} {
		want := normal(t, client.get("/version"))
		c.Fault("/version", f)
		begin := time.Now()
		body := client.get("/version")
		if took := time.Since(begin); took < 200*time.Millisecond {
			t.Errorf("slow %s took %s only", name, took)
		}
		if diff := cmp.Diff(want, normal(t, body)); diff != "" {
			t.Errorf("slow %s changed the answer:\n%s", name, diff)
		}
		c.ClearFaults()
	}
}

func TestFaultsHitTheirCallsAsOftenAsTold(t *testing.T) {
	c, client := start(t, "8.4")
	const bad, good = "502 Bad Gateway", "200 OK"
	statuses := func(paths ...string) []string {
		var got []string
		for _, p := range paths {
			got = append(got, client.refusal(p))
		}
		return got
	}
	for name, tt := range map[string]struct {
		set  func()
		want []string
	}{
		"a call":             {func() { c.Fault("/cluster/backup", pvesim.BadGateway) }, []string{bad, good, good, good}},
		"calls of a kind":    {func() { c.Fault("/cluster/replication/{id}", pvesim.BadGateway) }, []string{good, good, bad, bad}},
		"one path":           {func() { c.Fault("/cluster/replication/100-1", pvesim.BadGateway) }, []string{good, good, good, bad}},
		"all that begins so": {func() { c.Fault("/cluster/replication*", pvesim.BadGateway) }, []string{good, bad, bad, bad}},
		"two times":          {func() { c.FaultTimes("*", pvesim.BadGateway, 2) }, []string{bad, bad, good, good}},
		"the last one wins": {func() {
			c.Fault("*", pvesim.BusyProxy)
			c.FaultTimes("/cluster/replication", pvesim.BadGateway, 1)
		}, []string{"503 Service Unavailable", bad, "503 Service Unavailable", "503 Service Unavailable"}},
	} {
		tt.set()
		got := statuses("/cluster/backup", "/cluster/replication", "/cluster/replication/100-0", "/cluster/replication/100-1")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		c.ClearFaults()
	}
}

func TestWithoutQuorumTheOldWorldIsServedAndEditsWait(t *testing.T) {
	c, client := start(t, "8.4")
	old := c.World()
	c.Edit(func(w *pvesim.World) { w.DeleteBackup("backup-old81") })
	c.LoseQuorum(old)
	c.Edit(func(w *pvesim.World) { w.DeleteBackup("backup-pool-prod") })
	if ids := client.ids("/cluster/backup"); len(ids) != 5 {
		t.Errorf("the minority lists %v", ids)
	}
	c.RestoreQuorum()
	if ids := client.ids("/cluster/backup"); len(ids) != 3 {
		t.Errorf("after quorum is back the list is %v", ids)
	}
}

func TestCertificatesRotateAndChange(t *testing.T) {
	c := pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("alpha", 1, 3, 5, 5)))
	s := pvesim.StartT(t, c)
	client := connect(t, s)
	shown := func() string {
		t.Helper()
		return client.rows("/nodes")[0]["ssl_fingerprint"].(string)
	}
	first := s.Fingerprint()
	if len(first) != 95 || shown() != first {
		t.Errorf("fingerprint %s, /nodes says %s", first, shown())
	}
	c.RotateCertificate()
	if second := s.Fingerprint(); second == first || shown() != second {
		t.Errorf("after the rotation: %s, was %s, /nodes says %s", second, first, shown())
	}
	c.ReplaceCertificate()
	if _, _, err := client.do(http.MethodGet, "/api2/json/version"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a foreign certificate was accepted: %v", err)
	}
	c.Heal()
	client.get("/version")
}
