package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault spoils answers. The zero Fault spoils nothing.
type Fault struct {
	name    string
	instead func(*Cluster) answer                                  // takes the place of the cluster's answer
	alter   func(answer) answer                                    // changes a good answer
	hold    time.Duration                                          // before the first byte
	send    func(w http.ResponseWriter, r *http.Request, a answer) // sends it in a bad way
}

// Name is what AllFaults and the control API call it.
func (f Fault) Name() string { return f.name }

// alone tells that the fault decides itself how the connection goes on.
func (f Fault) alone() bool { return f.send != nil }

// activeFault is a fault that is switched on for some calls.
type activeFault struct {
	call  string
	fault Fault
	left  int   // requests it still hits, -1 = all
	owner *life // who switched it on, nil = a person
}

// Fault switches a fault on for a call: a template such as "/cluster/backup/{id}", a path such as "/cluster/backup/x", either with
// a trailing "*" for whatever begins so, or "*" for all. The fault switched on last wins.
func (c *Cluster) Fault(call string, f Fault) { c.FaultTimes(call, f, -1) }

// FaultTimes is Fault for the next n requests that it hits.
func (c *Cluster) FaultTimes(call string, f Fault, n int) {
	c.switchOn(&activeFault{call: call, fault: f, left: n})
}

func (c *Cluster) switchOn(f *activeFault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = slices.DeleteFunc(c.faults, (*activeFault).spent)
	c.faults = append(c.faults, f)
}

// spent tells that the fault hits no more requests.
func (f *activeFault) spent() bool { return f.left == 0 }

// ClearFaults switches all faults off.
func (c *Cluster) ClearFaults() { c.clearMatching(func(*activeFault) bool { return true }) }

func (c *Cluster) clearMatching(off func(*activeFault) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = slices.DeleteFunc(c.faults, off)
}

// Faults lists the faults that are switched on, as "name on call".
func (c *Cluster) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := []string{}
	for _, f := range c.faults {
		if !f.spent() {
			on = append(on, f.fault.name+" on "+f.call)
		}
	}
	return on
}

// fault picks the one that hits a request; the lock is held.
func (c *Cluster) fault(template, path string) Fault {
	for _, f := range slices.Backward(c.faults) {
		if f.spent() || !hits(f.call, template) && !hits(f.call, path) {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return f.fault
	}
	return Fault{}
}

func hits(call, path string) bool {
	if prefix, ok := strings.CutSuffix(call, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return call == path
}

// Answers of status 200 that are no answer.
var (
	DataNull    = body("data_null", jsonType, `{"data":null}`)
	EmptyObject = body("empty_object", jsonType, `{}`)
	DataObject  = body("data_object", jsonType, `{"data":{}}`)
	DataString  = body("data_string", jsonType, `{"data":"ok"}`)
	BareArray   = body("bare_array", jsonType, `[]`)
	EmptyBody   = body("empty_body", jsonType, ``)
	HTML        = body("html", htmlType, frontPage)
	// CutJSON ends in the middle although all bytes arrive.
	CutJSON = altered("cut_json", func(a answer) answer {
		a.body = a.body[:len(a.body)/2]
		return a
	})
	// HalfList lacks the second half of a list, while each job can still be asked for: an older node answers, or a parser dropped
	// what it did not understand.
	HalfList = altered("half_list", func(a answer) answer { return shortened(a, func(n int) int { return n / 2 }) })
	// EmptyList lacks the whole list, while each job can still be asked for.
	EmptyList = altered("empty_list", func(a answer) answer { return shortened(a, func(int) int { return 0 }) })
)

// Answers of something between client and cluster.
var (
	Redirect       = status("redirect_302", answer{status: http.StatusFound, location: "https://login.example.com/"})
	NotFound       = status("not_found_404", answer{status: http.StatusNotFound, contentType: htmlType, body: []byte(proxyPage)})
	TooMany        = status("too_many_429", answer{status: http.StatusTooManyRequests})
	BadGateway     = status("bad_gateway_502", answer{status: http.StatusBadGateway, contentType: htmlType, body: []byte(proxyPage)})
	BusyProxy      = status("unavailable_503", answer{status: http.StatusServiceUnavailable, contentType: htmlType, body: []byte(proxyPage)})
	NullDataAt503  = status("null_data_503", answer{status: http.StatusServiceUnavailable, contentType: jsonType, body: []byte(`{"data":null}`)})
	EmptyListAt599 = status("empty_list_599", answer{status: 599, reason: "Too many redirections", contentType: jsonType, body: []byte(`{"data":[]}`)})
	EmptyListAt203 = status("empty_list_203", answer{status: http.StatusNonAuthoritativeInfo, contentType: jsonType, body: []byte(`{"data":[]}`)})
	proxyPage      = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)

// Connections that go wrong.
var (
	// CutBody closes in the middle of the body.
	CutBody = Fault{name: "cut_body", send: func(w http.ResponseWriter, _ *http.Request, a answer) {
		sendClosing(w, a, len(a.body)/2)
	}}
	// Reset breaks the connection before the first byte.
	Reset = Fault{name: "reset", send: func(w http.ResponseWriter, _ *http.Request, _ answer) {
		if conn := hijack(w); conn != nil {
			reset(conn)
		}
	}}
	// ResetBody breaks the connection in the middle of the body.
	ResetBody = Fault{name: "reset_body", send: func(w http.ResponseWriter, _ *http.Request, a answer) {
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		if conn := hijack(w); conn != nil {
			reset(conn)
		}
	}}
)

// Endless sends a list of a GiB, as fast as the client takes it.
var Endless = Fault{name: "endless", send: func(w http.ResponseWriter, _ *http.Request, a answer) {
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Encoding")
	w.WriteHeader(a.status)
	rows := bytes.Repeat([]byte(`{"id":"none","type":"none","comment":"and so on"},`), 1000)
	_, err := w.Write([]byte(`{"data":[`))
	for sent := 0; err == nil && sent < 1<<30; sent += len(rows) {
		_, err = w.Write(rows) // fails when the client has had enough
	}
}}

// SlowHeader keeps the client waiting for the first byte.
func SlowHeader(d time.Duration) Fault { return Fault{name: "slow_header", hold: d} }

// SlowBody sends the body at so many bytes per second, in eight pieces a second.
func SlowBody(bytesPerSecond int) Fault {
	piece := max(1, bytesPerSecond/8)
	pause := time.Second * time.Duration(piece) / time.Duration(max(1, bytesPerSecond))
	return Fault{name: "slow_body", send: func(w http.ResponseWriter, r *http.Request, a answer) {
		w.WriteHeader(a.status)
		for rest := a.body; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if _, err := w.Write(rest[:min(piece, len(rest))]); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush() // the next write tells whether the client is there
			if !wait(r, pause) {
				return
			}
		}
	}}
}

func body(name, contentType, text string) Fault {
	return status(name, answer{status: http.StatusOK, contentType: contentType, body: []byte(text)})
}

func status(name string, a answer) Fault {
	return Fault{name: name, instead: func(*Cluster) answer { return a }}
}

func altered(name string, change func(answer) answer) Fault { return Fault{name: name, alter: change} }

// shortened keeps the first rows of a list; what is no list stays.
func shortened(a answer, keep func(n int) int) answer {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	if json.Unmarshal(a.body, &list) != nil || list.Data == nil {
		return a
	}
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	for i, row := range list.Data[:keep(len(list.Data))] {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(row)
	}
	b.WriteString(`]}`)
	a.body = b.Bytes()
	return a
}

// FromTranscript is one of the recorded refusals, by the name of its file without ".json", in the cluster's dialect. It panics on
// a name that is not among Transcripts.
func FromTranscript(name string) Fault {
	recorded, ok := transcripts[name]
	if !ok {
		panic(fmt.Sprintf("pvesim: no transcript %q; there are %s", name, strings.Join(Transcripts(), ", ")))
	}
	return Fault{name: name, instead: recorded}
}
