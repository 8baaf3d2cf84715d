package pvesim_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestIdleConnectionsAreClosedAfterFiveSeconds(t *testing.T) {
	t.Parallel()
	c := pvesim.New("9.2")
	s := pvesim.StartT(t, c)
	conn := dial(t, s)
	in := bufio.NewReader(conn)
	exchange(t, conn, in, request(http.MethodGet, "/version", c.Token().Header()))
	begin := time.Now()
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Fatalf("read from an idle connection: %v, want its end", err)
	}
	if idle := time.Since(begin); idle < 4500*time.Millisecond || idle > 10*time.Second {
		t.Errorf("closed after %s, want 5 s", idle)
	}
}

// head is what a test looks at of an answer besides its body.
type head struct {
	http.Header

	closing bool
}

// exchange sends a request and reads its answer.
func exchange(t *testing.T, conn io.Writer, in *bufio.Reader, text string) (head, []byte) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return head{resp.Header, resp.Close}, body
}

func TestAConnectionServesAHundredRequests(t *testing.T) {
	c := pvesim.New("8.4")
	conn := dial(t, pvesim.StartT(t, c))
	in := bufio.NewReader(conn)
	for i := 1; i <= 100; i++ {
		got, _ := exchange(t, conn, in, request(http.MethodGet, "/version", c.Token().Header()))
		if got.closing != (i == 100) {
			t.Fatalf("request %d: closing is %t", i, got.closing)
		}
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read after the last request: %v, want the end", err)
	}
}

func TestLargeBodiesAreCompressedIfAsked(t *testing.T) {
	c := pvesim.New("8.4")
	conn := dial(t, pvesim.StartT(t, c))
	in := bufio.NewReader(conn)
	ask := func(path, encoding string) (head, []byte) {
		text := request(http.MethodGet, path, c.Token().Header())
		return exchange(t, conn, in, strings.Replace(text, "\r\n\r\n", "\r\nAccept-Encoding: "+encoding+"\r\n\r\n", 1))
	}
	resp, body := ask("/cluster/backup", "gzip, deflate")
	if got := resp.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q of a large body", got)
	}
	z, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(new(any)); err != nil {
		t.Errorf("decode the decompressed body: %v", err)
	}
	if resp, _ := ask("/version", "gzip"); resp.Get("Content-Encoding") != "" {
		t.Error("a small body was compressed")
	}
	if resp, _ := ask("/cluster/backup", "identity"); resp.Get("Content-Encoding") != "" {
		t.Error("a body was compressed for somebody who did not ask")
	}
}

func TestKeysComeInADifferentOrderEachTime(t *testing.T) {
	_, client := start(t, "8.4")
	orders := map[string]bool{}
	for range 10 {
		orders[string(client.get("/cluster/backup/backup-0d5a6f1c-9e3b"))] = true
	}
	if len(orders) < 9 {
		t.Errorf("ten answers came in %d orders", len(orders))
	}
}

func TestTheSameSeedGivesTheSameOrder(t *testing.T) {
	orders := map[int64]string{}
	for _, seed := range []int64{1, 2} {
		for range 2 {
			_, client := start(t, "8.4", pvesim.WithSeed(seed))
			body := string(client.get("/cluster/backup"))
			if before, ok := orders[seed]; ok && before != body {
				t.Errorf("seed %d gave %s, then %s", seed, before, body)
			}
			orders[seed] = body
		}
	}
	if orders[1] == orders[2] {
		t.Error("two seeds gave the same order")
	}
}

func TestNextRunMovesWithTheClock(t *testing.T) {
	now := pvesim.FixtureNow
	_, client := start(t, "8.4", pvesim.WithClock(func() time.Time { return now }))
	nextRun := func() json.Number {
		var list struct {
			Data []struct {
				NextRun json.Number `json:"next-run"`
			}
		}
		decode(t, client.get("/cluster/backup"), &list)
		return list.Data[0].NextRun
	}
	if got := nextRun(); got != "1795312800" {
		t.Fatalf("next-run is %s, want 1795312800", got)
	}
	now = now.AddDate(0, 0, 1)
	if got := nextRun(); got != "1795399200" {
		t.Errorf("next-run a day later is %s, want 1795399200", got)
	}
}

func TestNextRunIsInTheZoneOfTheNodes(t *testing.T) {
	c, client := start(t, "8.4")
	c.Edit(func(w *pvesim.World) { w.TimeZone = "Europe/Berlin" })
	rows := client.rows("/cluster/backup")
	if got := rows[0]["next-run"]; got != json.Number("1795309200") { // 02:00 in Berlin is 01:00 UTC
		t.Errorf("next-run is %v, want 1795309200", got)
	}
	var at struct{ Data map[string]any }
	decode(t, client.get("/nodes/pve1/time"), &at)
	if at.Data["timezone"] != "Europe/Berlin" || at.Data["time"] != json.Number("1795280100") || at.Data["localtime"] != json.Number("1795283700") {
		t.Errorf("time of the node: %v", at.Data)
	}
}

func TestHandlerWorksWithoutAServerOfItsOwn(t *testing.T) {
	c := pvesim.New("9.2")
	rec := &plainWriter{header: http.Header{}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api2/json/cluster/backup", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.ServeHTTP(rec, req)
	if rec.status != http.StatusUnauthorized {
		t.Errorf("status %d without a token, want 401", rec.status)
	}
}

// plainWriter is a ResponseWriter whose connection cannot be hijacked.
type plainWriter struct {
	header http.Header
	status int
}

func (w *plainWriter) Header() http.Header         { return w.header }
func (w *plainWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *plainWriter) WriteHeader(status int)      { w.status = status }
