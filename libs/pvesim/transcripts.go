package pvesim

import (
	"maps"
	"net/http"
	"slices"
)

// transcripts are refusals that were recorded from real clusters. Those of status 595 and 596 come from the proxy of the
// answering node.
var transcripts = map[string]func(*Cluster) answer{
	"http_400_no_such_job": func(c *Cluster) answer {
		return invalid(c.dialect, map[string]string{"id": "No such job 'nope'"})
	},
	"http_401_bad_token": func(c *Cluster) answer {
		return bare(http.StatusUnauthorized, c.because("invalid token value!"), c.delays.Auth)
	},
	"http_401_expired_ticket": func(c *Cluster) answer {
		return bare(http.StatusUnauthorized, c.because("permission denied - invalid PVE ticket"), c.delays.Auth)
	},
	"http_401_no_auth": func(c *Cluster) answer {
		return bare(http.StatusUnauthorized, "No ticket", c.delays.Auth)
	},
	"http_403_sys_audit": func(c *Cluster) answer {
		return denied(c.dialect, "Sys.Audit", "/")
	},
	"http_403_vm_audit_replication": func(c *Cluster) answer {
		return denied(c.dialect, "VM.Audit", "/vms/205")
	},
	"http_500_no_quorum_lock": func(c *Cluster) answer {
		a := died(c.dialect, "cfs-lock 'file-replication_cfg' error: no quorum!")
		a.delay = c.delays.Lock
		return a
	},
	"http_500_no_such_replication": func(c *Cluster) answer {
		return died(c.dialect, "no such replication job '100-9'")
	},
	"http_500_pmxcfs_down": func(c *Cluster) answer {
		const reason = "RPCEnvironment init request failed: Unable to load access control list: Connection refused"
		return bare(http.StatusInternalServerError, reason, c.delays.Down)
	},
	"http_501_not_implemented": func(c *Cluster) answer {
		return unimplemented(c.dialect, http.MethodGet, "/cluster/jobs/schedule-analyze")
	},
	"http_595_node_refused": func(*Cluster) answer {
		return bare(statusConnect, "Connection refused", 0)
	},
	"http_595_node_unreachable": func(*Cluster) answer {
		return bare(statusConnect, "No route to host", 0)
	},
	"http_596_cert": func(*Cluster) answer {
		return bare(statusProxy, "tls_process_server_certificate: certificate verify failed", 0)
	},
	"http_596_timeout": func(*Cluster) answer {
		return bare(statusProxy, "Connection timed out", 0)
	},
}

// Transcripts lists the names that FromTranscript knows.
func Transcripts() []string { return slices.Sorted(maps.Keys(transcripts)) }
