package live_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/api/admin"
)

// idle is how many clients listen.
const idle = 2000

// BenchmarkClients serves the whole API to 2,000 clients of another process, who listen to events. It reports
//
//	bytes_client  memory of the server's process for each of them while nothing happens: heap and stacks in use (aim: at most 65,536)
//	wake_ms       how long until the last of them has an event
func BenchmarkClients(b *testing.B) {
	base, token, publish := serveBench(b)
	for b.Loop() {
		before := inUse()
		c := startClients(b, base, token)
		c.expect(b, "open")
		b.ReportMetric(float64(inUse()-before)/idle, "bytes_client")
		begin := time.Now()
		publish()
		c.expect(b, "woken")
		b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "wake_ms")
		c.stop(b)
	}
	b.ReportMetric(0, "ns/op")
}

// inUse is the memory of this process that is not free. A collection returns what pools hold after the second time.
func inUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// serveBench runs the service, and returns a token of a user whose permission is that of a usual one.
func serveBench(b *testing.B) (base, token string, publish func()) {
	b.Helper()
	nats, url := natstest.Start(b), pgtest.URL(b)
	bus := natstest.Join(b, nats, localnats.Admin)
	if err := bus.EnsureEvents(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	pool, err := postgres.Open(b.Context(), url, postgres.Options{MaxConns: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	opener, err := seal.LoadOrCreate(filepath.Join(b.TempDir(), "site.key"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := admin.CreateUser(b.Context(), pool, admin.NewUser{Name: "viewer"}); err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(b.Context(), `WITH p AS (INSERT INTO permissions (name, actions) VALUES ('p', '["view"]') RETURNING id), u AS (INSERT INTO permission_users SELECT p.id, u.id FROM p, users u)
		INSERT INTO permission_object_types SELECT p.id, t FROM p, generate_series(1, 9) t`); err != nil {
		b.Fatal(err)
	}
	peppers := admin.Peppers{1: seal.Secret(strings.Repeat("pepper", 8))}
	made, err := admin.CreateToken(b.Context(), pool, peppers, "viewer", admin.NewToken{Version: 2})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := httpd.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cfg := api.Config{DatabaseURL: url, NATSURL: nats.URL(localnats.API), SiteKeys: map[string]string{"default": opener.PublicKey()}, Peppers: peppers}
	go func() { ended <- api.Run(ctx, cfg, api.Deps{Listener: ln}) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("Run: %v", err)
		}
	})
	n := 0
	return ln.Addr().String(), made.Reveal(), func() {
		n++
		data := fmt.Appendf(nil, `{"id":"%d","type":"proxops.backup_routine.updated.v1","data":{}}`, n)
		if _, err := bus.JetStream().Publish(b.Context(), "proxops.v1.event.1.backup_routine.1", data, jetstream.WithExpectLastSequence(uint64(n-1))); err != nil {
			b.Fatal(err)
		}
	}
}

// clients are a process of their own, as their memory is not the server's.
type clients struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startClients(b *testing.B, base, token string) *clients {
	b.Helper()
	c := &clients{cmd: exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestClientsOfTheBenchmark$", "-test.v")}
	c.cmd.Env = append(os.Environ(), clientsEnv+"="+base+" "+token)
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *clients) expect(b *testing.B, word string) {
	b.Helper()
	for c.out.Scan() {
		if c.out.Text() == word {
			return
		}
	}
	b.Fatalf("the clients ended before they were %s: %v", word, c.out.Err())
}

func (c *clients) stop(b *testing.B) {
	b.Helper()
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		b.Error(err)
	}
}

const clientsEnv = "PROXOPS_TEST_LIVE_CLIENTS"

// TestClientsOfTheBenchmark is the other process of BenchmarkClients.
func TestClientsOfTheBenchmark(t *testing.T) {
	base, token, ok := strings.Cut(os.Getenv(clientsEnv), " ")
	if !ok {
		t.Skip("it is run by BenchmarkClients")
	}
	var opened, woken, all sync.WaitGroup
	opened.Add(idle)
	woken.Add(idle)
	request := "GET /api/plugins/proxbox/events/ HTTP/1.1\r\nHost: " + base + "\r\nAuthorization: Bearer " + token + "\r\nAccept: text/event-stream\r\n\r\n"
	connections := make([]net.Conn, idle)
	for i := range connections {
		conn, err := net.Dial("tcp", base)
		if err != nil {
			t.Fatal(err)
		}
		connections[i] = conn
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				switch text := lines.Text(); {
				case text == ": connected":
					opened.Done()
				case strings.HasPrefix(text, "data: "):
					woken.Done()
				case strings.HasPrefix(text, "HTTP/") && text != "HTTP/1.1 200 OK":
					t.Errorf("the server says %s", text)
				}
			}
		})
	}
	opened.Wait()
	fmt.Println("\nopen")
	woken.Wait()
	fmt.Println("woken")
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, conn := range connections {
		_ = conn.Close()
	}
	all.Wait()
}
