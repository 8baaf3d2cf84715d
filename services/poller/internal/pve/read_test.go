package pve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestStatusOfClustersAndStandaloneHosts(t *testing.T) {
	cluster, host := &proxopsv1.Identity{Name: "prod-cluster"}, &proxopsv1.Identity{Name: "pve1", Standalone: true}
	for _, version := range pvesim.Versions() {
		for name, want := range map[string]Status{
			"cluster_status":            {Identity: cluster, Quorate: true, Local: "pve1"},
			"cluster_status_no_quorum":  {Identity: cluster, Local: "pve1"},
			"cluster_status_standalone": {Identity: host, Quorate: true, Local: "pve1"},
		} {
			got, err := clusterStatus(fixture(t, version, name))
			if err != nil || !proto.Equal(got.Identity, want.Identity) || got.Quorate != want.Quorate || got.Local != want.Local {
				t.Errorf("%s of %s is %v, error %v", name, version, got, err)
			}
		}
	}
	for _, raw := range []string{
		`[]`, `null`, `[{"type":"cluster","quorate":1}]`, `[{"type":"cluster","name":"a"},{"type":"cluster","name":"b"}]`,
		`[{"type":"node","name":"a"},{"type":"node","name":"b"}]`, `[{"type":"node"}]`,
	} {
		if s, err := clusterStatus(json.RawMessage(raw)); err == nil {
			t.Errorf("%s is %v", raw, s)
		}
	}
	for raw, want := range map[string]bool{`1`: true, `"1"`: true, `true`: true, `0`: false, `"0"`: false, `null`: false, `[1]`: false, `2`: false} {
		s, err := clusterStatus(json.RawMessage(`[{"type":"cluster","name":"a","quorate":` + raw + `}]`))
		if err != nil || s.Quorate != want {
			t.Errorf("quorate %s is %v, error %v", raw, s.Quorate, err)
		}
	}
}

func TestInventoryOfEveryVersion(t *testing.T) {
	for _, version := range pvesim.Versions() {
		sim := pvesim.New(version)
		c := conn(t, pvesim.StartT(t, sim))
		status, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		inv, warn, err := c.Inventory(t.Context(), status)
		if err != nil || len(warn.List()) > 0 || warn.Skipped() > 0 {
			t.Fatalf("error %v, warnings %v", err, warn)
		}
		if want := map[string]string{"6.4": "6.4-15", "9.2": "9.2.3"}[version]; want != "" && inv.GetVersion() != want {
			t.Errorf("version is %q, want %q", inv.GetVersion(), want)
		}
		if inv.GetTimeZone() == "" {
			t.Errorf("%s tells no time zone", version)
		}
		wantNode := &proxopsv1.Node{
			Name: "pve3", NodeId: 3, IpAddress: "192.0.2.13", MaxCpu: 16, MaxMemory: 68719476736,
			SslFingerprint: inv.GetNodes()[2].GetSslFingerprint(),
		}
		if version == "6.4" {
			wantNode.IpAddress = "" // not recorded for a node that was offline
		}
		if diff := cmp.Diff(wantNode, inv.GetNodes()[2], protocmp.Transform()); diff != "" {
			t.Errorf("node of %s (-want +got):\n%s", version, diff)
		}
		if n := inv.GetNodes()[0]; !n.GetOnline() || n.GetSslFingerprint() == "" || n.GetName() != "pve1" {
			t.Errorf("node of %s is %v", version, n)
		}
		old := inv.GetStorages()[3]
		wantStorage := &proxopsv1.Storage{
			Name: "old-nas", StorageType: "nfs", Content: []string{"backup"}, Nodes: []string{"pve1", "pve2"}, Shared: true,
		}
		if diff := cmp.Diff(wantStorage, old, protocmp.Transform(), protocmp.IgnoreFields(old, "raw_config")); diff != "" {
			t.Errorf("storage of %s (-want +got):\n%s", version, diff)
		}
		if raw := string(old.GetRawConfig()); strings.Contains(raw, "digest") || !strings.Contains(raw, `"nodes":"pve1,pve2"`) {
			t.Errorf("raw config of a storage of %s is %s", version, raw)
		}
		want := &proxopsv1.Guest{
			Vmid: 100, Name: "web-server-01", GuestType: "qemu", Node: "pve1", Status: "running", Pool: "prod",
			MaxCpu: 2, MaxMemory: 2147483648, MaxDisk: 34359738368,
		}
		if version != "6.4" {
			want.Tags = []string{"prod", "web"} // 7.0 is the first to tell them
		}
		if diff := cmp.Diff(want, inv.GetGuests()[0], protocmp.Transform()); diff != "" {
			t.Errorf("guest of %s (-want +got):\n%s", version, diff)
		}
		if g := inv.GetGuests()[5]; g.GetVmid() != 400 || g.GetStatus() != "unknown" || g.GetName() != "" {
			t.Errorf("guest of an offline node of %s is %v", version, g)
		}
	}
}

func TestAnInventoryIsReadWithoutItsTimeZone(t *testing.T) {
	sim := pvesim.New("9.2")
	c := conn(t, pvesim.StartT(t, sim))
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sim.Fault("/nodes/{node}/time", pvesim.FromTranscript("http_403_sys_audit"))
	inv, warn, err := c.Inventory(t.Context(), status)
	if err != nil || inv.GetTimeZone() != "" || len(warn.List()) != 1 || !strings.Contains(warn.List()[0], "time zone") {
		t.Errorf("zone %q, warnings %v, error %v", inv.GetTimeZone(), warn, err)
	}
	for _, call := range []string{"/version", "/nodes", "/cluster/resources", "/storage"} {
		sim.ClearFaults()
		sim.Fault(call, pvesim.FromTranscript("http_596_timeout"))
		if _, _, err := c.Inventory(t.Context(), status); err == nil {
			t.Errorf("the inventory is read although %s fails", call)
		}
	}
}

func TestANodeThatForgotTheMembersTellsNoInventory(t *testing.T) {
	sim := pvesim.New("9.2")
	c := conn(t, pvesim.StartT(t, sim))
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sim.Hiccup()
	_, _, err = c.Inventory(t.Context(), status)
	_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED)
}

func TestSecretsOfStoragesAreLeftOut(t *testing.T) {
	var warn Warnings
	got, err := storages(json.RawMessage(`[{"storage":"x","type":"pbs","password":"p1","encryption-key":"p2","keyring":"p3",
		"smbpassword":"p4","digest":"d","datastore":"main"}]`), &warn)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"datastore":"main","storage":"x","type":"pbs"}`; string(got[0].GetRawConfig()) != want {
		t.Errorf("raw config is %s, want %s", got[0].GetRawConfig(), want)
	}
}

func TestWhetherAJobIsGone(t *testing.T) {
	for _, version := range pvesim.Versions() {
		sim := pvesim.New(version)
		c := conn(t, pvesim.StartT(t, sim))
		there := sim.BackupIDs()[0]
		for _, tc := range []struct {
			name  string
			ask   func() (Presence, error)
			fault string
			want  Presence
		}{
			{"a backup job that exists", func() (Presence, error) { return c.AskBackup(t.Context(), there) }, "", Present},
			{"a backup job that does not", func() (Presence, error) { return c.AskBackup(t.Context(), "backup-gone") }, "", Gone},
			{"a leftover that does not", func() (Presence, error) { return c.AskBackup(t.Context(), strings.Repeat("a", 40)+":1") }, "", Gone},
			{"a replication that exists", func() (Presence, error) { return c.AskReplication(t.Context(), "100-0") }, "", Present},
			{"a replication that does not", func() (Presence, error) { return c.AskReplication(t.Context(), "100-9") }, "", Gone},
			{"another job is gone", func() (Presence, error) { return c.AskBackup(t.Context(), "backup-gone") }, "http_400_no_such_job", Unknown},
			{"another replication is gone", func() (Presence, error) { return c.AskReplication(t.Context(), "100-8") }, "http_500_no_such_replication", Unknown},
			{"a permission is lost", func() (Presence, error) { return c.AskBackup(t.Context(), "backup-gone") }, "http_403_sys_audit", Unknown},
			{"a replication is hidden", func() (Presence, error) { return c.AskReplication(t.Context(), "205-0") }, "http_403_vm_audit_replication", Hidden},
			{"no quorum", func() (Presence, error) { return c.AskReplication(t.Context(), "100-9") }, "http_500_no_quorum_lock", Unknown},
			{"a proxy fails", func() (Presence, error) { return c.AskReplication(t.Context(), "100-9") }, "http_596_timeout", Unknown},
		} {
			if tc.fault != "" {
				sim.Fault("*", pvesim.FromTranscript(tc.fault))
			}
			got, err := tc.ask()
			sim.ClearFaults()
			if got != tc.want || (err != nil) != (got == Unknown || got == Hidden) {
				t.Errorf("%s, %s: %v, error %v", version, tc.name, got, err)
			}
		}
	}
}

func TestOnlyTheJobThatWasAskedForIsPresent(t *testing.T) {
	for body, want := range map[string]Presence{
		`{"data":{"id":"b"}}`: Present, `{"data":{"id":"c"}}`: Unknown, `{"data":{}}`: Unknown, `{"data":null}`: Unknown,
		`{"data":[]}`: Unknown, `{}`: Unknown, `<html>`: Unknown, ``: Unknown,
	} {
		_, host, target := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		if got, err := open(t, host, target, quick).AskBackup(t.Context(), "b"); got != want || (err == nil) != (want == Present) {
			t.Errorf("%s: %v, error %v", body, got, err)
		}
	}
}

func TestWhichJobsCanBeAskedFor(t *testing.T) {
	for id, want := range map[string]bool{
		"backup-0d5a6f1c-9e3b": true, strings.Repeat("a", 40) + ":12": true, "Job_1": true, strings.Repeat("a", 50): true,
		strings.Repeat("a", 51): false, "": false, "a/b": false, "..": false, ".": false, "a b": false, "ü": false, "a?b": false, "a%2Fb": false, "-x": false,
	} {
		if got := CanAskBackup(id); got != want {
			t.Errorf("backup job %q: %v", id, got)
		}
	}
	for id, want := range map[string]bool{
		"100-0": true, "999999999-999999999": true, "100-00": false, "99-0": false, "0100-0": false, "100": false, "100-0/x": false, "a-1": false, "": false,
	} {
		if got := CanAskReplication(id); got != want {
			t.Errorf("replication %q: %v", id, got)
		}
	}
}

func TestASecretThatTheClusterRepeatsGoesNoFurther(t *testing.T) {
	const secret = "11111111-2222-3333-4444-555555555555"
	var answer func(w http.ResponseWriter, authorization string)
	_, host, target := serveTLS(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r.Header.Get("Authorization")) })
	c := open(t, host, target, quick)
	for name, f := range map[string]func(http.ResponseWriter, string){
		"in a reason": func(w http.ResponseWriter, auth string) {
			hijacked, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = hijacked.Close() }()
			_, _ = fmt.Fprintf(hijacked, "HTTP/1.1 403 Permission check failed (/%s, %s)\r\nContent-Length: 0\r\n\r\n", auth, auth)
		},
		"in a message": func(w http.ResponseWriter, auth string) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprintf(w, `{"message":"bad %s","errors":{"id":"%s"}}`, auth, auth)
		},
		"in a job": func(w http.ResponseWriter, auth string) {
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"b","comment":"%s","bwlimit":"%s","x":["%s"]}]}`, auth, auth, auth)
		},
		"as an id": func(w http.ResponseWriter, auth string) {
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"%s\u0000"}]}`, auth)
		},
	} {
		answer = f
		jobs, warn, err := c.BackupRoutines(t.Context())
		text := fmt.Sprintf("%v %+v %#v %+v", jobs, err, err, warn)
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			text += cause.Error()
		}
		if e, ok := err.(*Error); ok { //nolint:errorlint // the fields of this very error are looked at
			text += e.Text + e.MissingPrivilege + e.Remedy
		}
		for _, j := range jobs {
			text += string(j.GetRawConfig())
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s, the secret is in %s", name, text)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", c.cluster.target, c.cluster.target, c.cluster.target); strings.Contains(text, secret) {
		t.Errorf("the secret is in %s", text)
	}
}
