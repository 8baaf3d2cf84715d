package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestTheCommandSaysWhereItsClustersAreAndEndsInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, config{Clusters: 5, Jobs: 3, Every: time.Millisecond, ListenControl: "127.0.0.1:0"}, in)
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready struct {
		Ready    bool
		Control  string
		Clusters []pvesim.Listing
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if !ready.Ready || len(ready.Clusters) != 5 {
		t.Fatalf("ready line %s", line)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ready.Control+"/clusters/"+ready.Clusters[4].Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var one pvesim.Listing
	if err := json.NewDecoder(resp.Body).Decode(&one); err != nil || one != ready.Clusters[4] {
		t.Errorf("control says %+v %v, the ready line %+v", one, err, ready.Clusters[4])
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still running five seconds after it was told to end")
	}
}

func TestTheCommandIsSteeredOnLoopbackOnly(t *testing.T) {
	err := run(t.Context(), config{ListenControl: "0.0.0.0:0"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "only loopback addresses are allowed") {
		t.Errorf("error %v", err)
	}
}
