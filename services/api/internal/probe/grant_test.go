package probe

import "testing"

func TestGrantNamesTheCommandForWhatIsMissing(t *testing.T) {
	const at, role = "pveum acl modify ", " --users proxops@pve --tokens 'proxops@pve!reader' --roles PVEAuditor"
	for name, tc := range map[string]struct {
		user, token string
		missing     []string
		want        string
	}{
		"nothing":                     {"proxops@pve", "reader", []string{""}, ""},
		"one":                         {"proxops@pve", "reader", []string{"/ Sys.Audit"}, at + "/" + role},
		"the same twice":              {"proxops@pve", "reader", []string{"/vms VM.Audit", "/vms VM.Audit"}, at + "/vms" + role},
		"the role reaches down":       {"proxops@pve", "reader", []string{"/vms VM.Audit", "/ Sys.Audit", "/storage/a Datastore.Audit"}, at + "/" + role},
		"beside each other":           {"proxops@pve", "reader", []string{"/vms/205 VM.Audit", "/vms/20 VM.Audit"}, at + "/vms/20" + role + " && " + at + "/vms/205" + role},
		"below a path that is longer": {"proxops@pve", "reader", []string{"/vms/20/x VM.Audit", "/vms/20 VM.Audit"}, at + "/vms/20" + role},
		"no token":                    {"proxops@pve", "", []string{"/ Sys.Audit"}, at + "/ --users proxops@pve --roles PVEAuditor"},
		"not to look":                 {"proxops@pve", "reader", []string{"/ Sys.Modify", "nonsense", "/ "}, ""},
		"what a shell would run":      {"a'; rm -rf /;'@pve", "$(x)", []string{"/vms/$(reboot) VM.Audit"}, `pveum acl modify '/vms/$(reboot)' --users 'a'\''; rm -rf /;'\''@pve' --tokens 'a'\''; rm -rf /;'\''@pve!$(x)' --roles PVEAuditor`},
	} {
		if got := Grant(tc.user, tc.token, tc.missing); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}
