package pve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

const all = "[/ Sys.Audit /vms VM.Audit /storage Datastore.Audit]"

func TestWhatReadingNeedsOfEveryVersion(t *testing.T) {
	for _, version := range pvesim.Versions() {
		for name, want := range map[string][2]string{
			"access_permissions_auditor":   {all, "[]"},
			"access_permissions_vm_gap":    {all, "[/vms/205 VM.Audit]"},
			"access_permissions_only_pool": {"[]", all},
		} {
			p, err := permissions(fixture(t, version, name))
			if err != nil {
				t.Fatal(err)
			}
			have, missing := p.Check()
			if fmt.Sprint(have) != want[0] || fmt.Sprint(missing) != want[1] {
				t.Errorf("%s of %s: it has %v and lacks %v, want %v", name, version, have, missing, want)
			}
		}
	}
}

func TestWhichPrivilegesAreMissing(t *testing.T) {
	const every = `{"Sys.Audit":1,"VM.Audit":1,"Datastore.Audit":1}`
	for _, tc := range []struct{ name, raw, missing string }{
		{"nothing is granted", `{}`, all},
		{"all of it on / alone, as some stand-ins tell it", `{"/":` + every + `}`, "[]"},
		{"flags in other forms", `{"/":{"Sys.Audit":"1","VM.Audit":true,"Datastore.Audit":"1"}}`, "[]"},
		{"not for the paths below", `{"/":{"Sys.Audit":0,"VM.Audit":0,"Datastore.Audit":"0"}}`, "[/vms VM.Audit /storage Datastore.Audit]"},
		{"a flag that cannot be read", `{"/":{"Sys.Audit":1,"VM.Audit":[],"Datastore.Audit":1}}`, "[/vms VM.Audit]"},
		{"granted on the paths themselves", `{"/":{"Sys.Audit":0},"/vms":{"VM.Audit":1},"/storage":{"Datastore.Audit":1}}`, "[]"},
		{"there, but not below", `{"/":{"Sys.Audit":1},"/vms":{"VM.Audit":0},"/storage":{"Datastore.Audit":1}}`, "[/vms VM.Audit]"},
		{"another role on /vms", `{"/":` + every + `,"/vms":{"VM.Console":1},"/storage":` + every + `}`, "[/vms VM.Audit]"},
		{"NoAccess on /vms", `{"/":` + every + `,"/access":` + every + `,"/storage":` + every + `}`, "[/vms VM.Audit]"},
		{
			"gaps in the order of their numbers", `{"/":` + every + `,"/vms":` + every + `,"/storage":` + every + `,
			"/vms/1000":{"VM.Console":1},"/vms/205":{},"/vms/300":{"VM.Audit":0},"/storage/nfs":{"VM.Audit":1},"/vmstuff":{"X":1}}`,
			"[/vms/205 VM.Audit /vms/1000 VM.Audit /storage/nfs Datastore.Audit]",
		},
	} {
		p, err := permissions(json.RawMessage(tc.raw))
		if err != nil {
			t.Fatal(err)
		}
		have, missing := p.Check()
		if fmt.Sprint(missing) != tc.missing {
			t.Errorf("%s: it lacks %v, want %s", tc.name, missing, tc.missing)
		}
		for _, n := range needed {
			if slices.Contains(have, n) == slices.Contains(missing, n) {
				t.Errorf("%s: %v is both there and missing, or neither", tc.name, n)
			}
		}
	}
}

func TestPermissionsThatAreNone(t *testing.T) {
	sim := pvesim.New("9.2")
	c := conn(t, pvesim.StartT(t, sim))
	if v, err := c.Version(t.Context()); err != nil || v != "9.2.3" {
		t.Errorf("version %q, error %v", v, err)
	}
	if p, err := c.Permissions(t.Context()); err != nil || len(p) == 0 {
		t.Errorf("permissions %v, error %v", p, err)
	}
	for _, f := range []pvesim.Fault{pvesim.DataNull, pvesim.BareArray, pvesim.DataString, pvesim.HTML} {
		sim.Fault("*", f)
		_, err := c.Permissions(t.Context())
		_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED)
		_, err = c.Version(t.Context())
		_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED)
	}
	p, err := permissions(json.RawMessage(`{"/vms":{"VM.Audit":1},"/vms/\n` + strings.Repeat("x", 300) + `":{}}`))
	if _, missing := p.Check(); err != nil || len(missing) != 3 || strings.Contains(missing[2].Path, "\n") || len(missing[2].Path) > 260 {
		t.Errorf("missing are %v, error %v", missing, err)
	}
	if _, err := permissions(json.RawMessage(`{"/":[]}`)); err == nil {
		t.Error("a list of privileges is taken for an object")
	}
}
