package pvesim

import (
	"slices"
	"strconv"
	"strings"
)

// covers lists the guests of a backup job as vzdump picks them: pool before vmid before all without exclude.
func covers(j *BackupJob, guests []Guest) []int {
	var vmids []int
	listed, excluded := vmidList(j.VMID), vmidList(j.Exclude)
	for _, g := range guests {
		if j.Node != "" && g.Node != j.Node {
			continue
		}
		var in bool
		switch {
		case j.Pool != "":
			in = g.Pool == j.Pool
		case j.VMID != "":
			in = slices.Contains(listed, g.VMID)
		case j.All != nil && *j.All || j.Exclude != "":
			in = !slices.Contains(excluded, g.VMID)
		}
		if in {
			vmids = append(vmids, g.VMID)
		}
	}
	return vmids
}

// vmidList reads a list as people enter it, "100,101, 102;103"; what is no number is left out.
func vmidList(s string) []int {
	var vmids []int
	for item := range strings.FieldsFuncSeq(s, listSeparator) {
		if n, err := strconv.Atoi(item); err == nil {
			vmids = append(vmids, n)
		}
	}
	return vmids
}

func joinDays(days []string) string { return strings.Join(days, ",") }
