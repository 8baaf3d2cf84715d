package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/api/admin"
	"github.com/proxops/proxops/services/poller"
	"github.com/proxops/proxops/services/projector"
)

const pepper = "an-e2e-pepper-that-must-show-up-nowhere"

// lab is the whole product with a database and a nats-server of its own. When its test ends, it is searched for secrets and checked with
// the product's own verification.
type lab struct {
	pool    *pgxpool.Pool
	url     string // of the database
	nats    *localnats.Server
	store   string   // directory of NATS
	bus     *bus.Bus // as the user who may do everything
	rest    *rest
	site    *seal.Opener
	keyFile string
	log     *journal
	secrets vault

	projector, poller, api *service
}

// newLab starts everything.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := bareLab(t)
	l.startProjector(t, nil)
	l.startPoller(t, nil)
	l.startAPI(t)
	return l
}

// bareLab has no services yet.
func bareLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{url: pgtest.URL(t), store: t.TempDir(), keyFile: filepath.Join(t.TempDir(), "site.key"), log: newJournal(t)}
	var err error
	if l.pool, err = postgres.Open(t.Context(), l.url, postgres.Options{Name: t.Name(), MaxConns: 4}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.pool.Close)
	l.startNATS(t, 0)
	t.Cleanup(func() { _ = l.nats.Close() })
	if l.site, err = seal.LoadOrCreate(l.keyFile); err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(l.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	l.secrets.plant(pepper)
	l.secrets.plant(strings.TrimSpace(string(seed)))
	l.rest = &rest{secrets: &l.secrets}
	t.Cleanup(func() { l.finish(t) })
	return l
}

// startNATS starts the server on the same store, or on what is left of it.
func (l *lab) startNATS(t *testing.T, port int) {
	t.Helper()
	var err error
	// Its context may end before it: services are stopped after the test.
	l.nats, err = localnats.Start(context.WithoutCancel(t.Context()), localnats.Config{StoreDir: l.store, Port: port, Unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	if l.bus == nil {
		l.bus, err = bus.Connect(t.Context(), bus.Config{URL: l.nats.URL(localnats.Admin), Name: "admin"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.bus.Close)
	}
}

// finish looks at what the test left behind, and for secrets last, so that the last words of the services are heard too.
func (l *lab) finish(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if !t.Failed() {
		l.verify(ctx, t)
	}
	for _, s := range []*service{l.api, l.poller, l.projector} {
		s.stop(t)
	}
	found, err := l.search(ctx)
	if err != nil && !t.Failed() {
		t.Errorf("search for secrets: %v", err)
	}
	for _, f := range found {
		t.Errorf("a secret is in the %s", f)
	}
}

// service is one Run of a service.
type service struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	err    error
}

func start(name string, run func(context.Context) error) *service {
	ctx, cancel := context.WithCancel(context.Background()) // a test stops it after its own context has ended
	s := &service{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = run(ctx)
	}()
	return s
}

// stop ends the service as SIGTERM would: it must end in good time and without an error.
func (s *service) stop(t *testing.T) {
	t.Helper()
	if s == nil {
		return
	}
	s.once.Do(func() {
		t.Helper()
		began := time.Now()
		s.cancel()
		select {
		case <-s.done:
		case <-time.After(20 * time.Second):
			t.Errorf("%s does not stop", s.name)
			return
		}
		if s.err != nil {
			t.Errorf("%s ended with an error: %v", s.name, s.err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s to stop", s.name, took)
		}
	})
}

// startProjector starts a projector; change may alter its configuration.
func (l *lab) startProjector(t *testing.T, change func(*projector.Config)) {
	t.Helper()
	cfg := projector.Config{DatabaseURL: l.url, NATSURL: l.nats.URL(localnats.Projector)}
	if change != nil {
		change(&cfg)
	}
	l.projector = start("projector", func(ctx context.Context) error {
		return projector.Run(ctx, cfg, projector.Deps{Log: l.log.of("projector")})
	})
}

// startPoller starts a poller that is impatient enough for tests; change may alter its configuration.
func (l *lab) startPoller(t *testing.T, change func(*poller.Config)) {
	t.Helper()
	cfg := poller.Config{
		NATSURL: l.nats.URL(localnats.Poller), KeyFile: l.keyFile, AllowLocalTargets: true, ManualWorkers: 16, ConfirmPause: 10 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	l.poller = start("poller", func(ctx context.Context) error { return poller.Run(ctx, cfg, poller.Deps{Log: l.log.of("poller")}) })
}

func (l *lab) startAPI(t *testing.T) {
	t.Helper()
	ln, err := httpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peppers := admin.Peppers{1: seal.Secret(pepper)}
	l.api = start("api", func(ctx context.Context) error {
		return api.Run(ctx, api.Config{
			DatabaseURL: l.url, NATSURL: l.nats.URL(localnats.API), SiteKeys: map[string]string{"default": l.site.PublicKey()}, Peppers: peppers,
		}, api.Deps{Log: l.log.of("api"), Listener: ln})
	})
	l.rest.base = "http://" + ln.Addr().String()
	if l.rest.token == "" {
		l.rest.token = l.newUser(t, "e2e", peppers)
	}
	eventually(t, "an answer of the api", func() error {
		select {
		case <-l.api.done:
			t.Fatalf("api ended: %v", l.api.err)
		default:
		}
		_, err := l.rest.try(t.Context(), "GET", "/api/status/", nil)
		return err
	})
}

// newUser makes a superuser and returns a token of theirs.
func (l *lab) newUser(t *testing.T, name string, peppers admin.Peppers) string {
	t.Helper()
	const password = "e2e password that must not show up"
	l.secrets.plant(password)
	if _, err := admin.CreateUser(t.Context(), l.pool, admin.NewUser{Name: name, Password: password, Superuser: true}); err != nil {
		t.Fatal(err)
	}
	token, err := admin.CreateToken(t.Context(), l.pool, peppers, name, admin.NewToken{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(token.Reveal(), ".")
	l.secrets.plant(secret)
	return token.Reveal()
}

// endpoint is a simulated cluster and what the product calls it.
type endpoint struct {
	id      int
	name    string
	cluster *pvesim.Cluster
	server  *pvesim.Server
}

// add starts clusters and makes an endpoint for each through REST. They are read only when asked.
func (l *lab) add(t *testing.T, clusters ...*pvesim.Cluster) []*endpoint {
	t.Helper()
	all := make([]*endpoint, len(clusters))
	for i, c := range clusters {
		all[i] = l.addOne(t, c, nil)
	}
	return all
}

// addOne takes fields of the endpoint that differ from the usual.
func (l *lab) addOne(t *testing.T, c *pvesim.Cluster, fields func(*pvesim.Server) object) *endpoint {
	t.Helper()
	s := pvesim.StartT(t, c)
	name := "pve-" + c.Version() + "-" + c.Name()
	body := object{
		"name": name, "ip_address": s.Host, "port": s.Port, "username": c.Token().User, "token_name": c.Token().Name,
		"token_value": c.Token().Secret, "ca_certificate": string(s.CAPEM()), "poll_interval": 0,
	}
	if fields != nil {
		maps.Copy(body, fields(s))
	}
	l.secrets.plant(c.Token().Secret)
	made := l.rest.post(t, endpointsPath, body)
	return &endpoint{id: made.id(), name: made.text("name"), cluster: c, server: s}
}

// wait is how long a test waits for what should happen soon; a loaded machine is slow.
const wait = 60 * time.Second

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	if err := within(t.Context(), check); err != nil {
		t.Fatalf("waited for %s: %v", what, err)
	}
}

// within calls check until it returns nil, and gives up after a while with its last error.
func within(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", wait, err)
		case <-time.After(pause):
		}
	}
}
