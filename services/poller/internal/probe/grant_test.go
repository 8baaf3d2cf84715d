package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestMissingPrivilegesAreNamedWithTheCommandThatGivesThem(t *testing.T) {
	const (
		user  = "`pveum acl modify / --users proxops@pve --roles PVEAuditor`"
		token = "`pveum acl modify / --tokens 'proxops@pve!reader' --roles PVEAuditor`"
	)
	acl := func(list ...pvesim.ACL) func(*pvesim.Cluster) { return func(c *pvesim.Cluster) { c.SetACL(list...) } }
	root := pvesim.ACL{Path: "/", Role: "PVEAuditor"}
	for _, version := range pvesim.Versions() {
		for _, tc := range []struct {
			name          string
			strike        func(*pvesim.Cluster)
			have, missing []string
			call          string // that told of it
			remedy        []string
		}{
			{
				"everything", func(c *pvesim.Cluster) { c.Deny("/") },
				nil,
				[]string{"/ Sys.Audit", "/vms VM.Audit", "/storage Datastore.Audit"},
				"/cluster/status",
				[]string{user, token},
			},
			{
				"all but guests", acl(pvesim.ACL{Path: "/", Role: "VM.Audit"}),
				[]string{"/vms VM.Audit"},
				[]string{"/ Sys.Audit", "/storage Datastore.Audit"},
				"/cluster/status",
				[]string{user, token},
			},
			{
				"guests", acl(pvesim.ACL{Path: "/", Role: "Sys.Audit Datastore.Audit"}),
				[]string{"/ Sys.Audit", "/storage Datastore.Audit"},
				[]string{"/vms VM.Audit"},
				"/access/permissions",
				[]string{user, token},
			},
			{
				"propagation", acl(pvesim.ACL{Path: "/", Role: "PVEAuditor", Exact: true}),
				[]string{"/ Sys.Audit"},
				[]string{"/vms VM.Audit", "/storage Datastore.Audit"},
				"/access/permissions",
				[]string{user, token},
			},
			{
				"one guest", acl(root, pvesim.ACL{Path: "/vms/205", Role: "VM.Console"}),
				[]string{"/ Sys.Audit", "/vms VM.Audit", "/storage Datastore.Audit"},
				[]string{"/vms/205 VM.Audit"},
				"/access/permissions",
				[]string{"`pveum acl modify /vms/205 --users proxops@pve --roles PVEAuditor`", "another role takes the place"},
			},
			{
				"all guests by NoAccess", func(c *pvesim.Cluster) { c.Deny("/vms") },
				[]string{"/ Sys.Audit", "/storage Datastore.Audit"},
				[]string{"/vms VM.Audit"},
				"/access/permissions",
				[]string{"`pveum acl modify /vms --users proxops@pve --roles PVEAuditor`", "if it is NoAccess, remove it"},
			},
			{
				"some guests and a storage", acl(
					root, pvesim.ACL{Path: "/vms/1000", Role: "VM.Console"}, pvesim.ACL{Path: "/vms/205", Role: "VM.Console"},
					pvesim.ACL{Path: "/storage/nfs", Role: "Datastore.AllocateSpace"},
				),
				[]string{"/ Sys.Audit", "/vms VM.Audit", "/storage Datastore.Audit"},
				[]string{"/vms/205 VM.Audit", "/vms/1000 VM.Audit", "/storage/nfs Datastore.Audit"},
				"/access/permissions",
				[]string{"modify /vms/205 --users", "the same for /vms/1000, /storage/nfs"},
			},
		} {
			t.Run(version+"/"+tc.name, func(t *testing.T) {
				l := newLab(t, version)
				tc.strike(l.sim)
				r := l.probe()
				l.wantError(r, proxopsv1.ErrorKind_ERROR_KIND_PERMISSION)
				if !slices.Equal(r.GetPrivileges(), tc.have) || !slices.Equal(r.GetMissingPrivileges(), tc.missing) {
					t.Errorf("it has %q and lacks %q, want %q and %q", r.GetPrivileges(), r.GetMissingPrivileges(), tc.have, tc.missing)
				}
				e := r.GetError()
				if e.GetMissingPrivilege() != tc.missing[0] || !strings.Contains(e.GetText(), r.GetAddress()+", GET "+tc.call+": ") {
					t.Errorf("error is %v", e)
				}
				for _, want := range tc.remedy {
					if !strings.Contains(e.GetRemedy(), want) {
						t.Errorf("remedy %q lacks %q", e.GetRemedy(), want)
					}
				}
			})
		}
	}
}
