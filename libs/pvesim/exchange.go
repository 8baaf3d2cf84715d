package pvesim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// exchange is one request while the cluster is locked for it.
type exchange struct {
	dialect dialect
	world   *World
	acl     []ACL
	cluster *Cluster
	params  map[string]string // of the path
	query   url.Values
}

func (x *exchange) param(name string) string { return x.params[name] }

// now is the time on the nodes, in their zone.
func (x *exchange) now() time.Time { return x.cluster.clock().In(x.world.zone()) }

// answer is what goes over the wire, apart from the headers that every answer has.
type answer struct {
	status      int
	reason      string // "" = the usual one
	contentType string // "" = no such header
	body        []byte
	delay       time.Duration // before the first byte
	location    string
}

const (
	jsonType = "application/json;charset=UTF-8"
	htmlType = "text/html; charset=utf-8"
)

func (x *exchange) data(v any) answer {
	w := writer{rand: x.cluster.rand}
	w.object(object{"data": v})
	return answer{status: http.StatusOK, contentType: jsonType, body: w.buf.Bytes()}
}

// failed is an error whose message the body repeats in newer releases.
func failed(d dialect, status int, reason, message string, extra object) answer {
	var b bytes.Buffer
	b.WriteString(`{"data":null`)
	for name, v := range extra {
		fmt.Fprintf(&b, ",%q:%s", name, must(json.Marshal(v)))
	}
	if d.has(errorMessages) {
		fmt.Fprintf(&b, `,"message":%s`, must(json.Marshal(message)))
	}
	b.WriteByte('}')
	return answer{status: status, reason: reason, contentType: jsonType, body: b.Bytes()}
}

// must is for values that always encode.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func (x *exchange) invalid(param, problem string) answer {
	return invalid(x.dialect, map[string]string{param: problem})
}

func invalid(d dialect, problems map[string]string) answer {
	const reason = "Parameter verification failed."
	return failed(d, http.StatusBadRequest, reason, reason+"\n", object{"errors": problems})
}

func (x *exchange) denied(privilege, path string) answer { return denied(x.dialect, privilege, path) }

func denied(d dialect, privilege, path string) answer {
	reason := fmt.Sprintf("Permission check failed (%s, %s)", path, privilege)
	return failed(d, http.StatusForbidden, reason, reason+"\n", nil)
}

// died is what a "die" anywhere in Proxmox VE becomes.
func (x *exchange) died(message string) answer { return died(x.dialect, message) }

func died(d dialect, message string) answer {
	return failed(d, http.StatusInternalServerError, message, message+"\n", nil)
}

func unimplemented(d dialect, method, path string) answer {
	reason := fmt.Sprintf("Method '%s %s' not implemented", method, path)
	return failed(d, http.StatusNotImplemented, reason, reason, nil)
}

// bare is an error without a body.
func bare(status int, reason string, delay time.Duration) answer {
	return answer{status: status, reason: reason, delay: delay}
}

// lock takes a lock of the whole cluster, which needs quorum.
func (x *exchange) lock(file string) (answer, bool) {
	if x.world.NoQuorum && !x.world.Standalone {
		a := died(x.dialect, fmt.Sprintf("cfs-lock '%s' error: no quorum!", file))
		a.delay = x.cluster.delays.Lock
		return a, false
	}
	return answer{}, true
}

// gzipAbove is the size from which bodies are compressed for those who ask.
const gzipAbove = 1024

func compress(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // a level that exists
	_, _ = z.Write(body)                            // into memory
	_ = z.Close()
	return b.Bytes()
}
