package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/pvesim"
)

const root = "../../.." // of the repository

// The services as processes of their own, two of each, as docker-compose.yml configures them, with the nats.conf that it mounts: only hosts,
// ports and paths are those of this test. Both apis show the same, and it matters to nobody when half of the processes are killed.
func TestProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	for _, service := range []string{"poller", "projector", "api"} {
		d.knows(t, service)
	}
	d.knows(t, "proxops", "user create", "token create", "endpoint add", "sync", "verify")
	l, apis := d.lab, d.startAll(t)

	var all []*endpoint
	for i, v := range pvesim.Versions() {
		l.rest = apis[i%2]
		c := pvesim.New(v, pvesim.WithWorld(pvesim.Generate("apart", int64(i), 3, 10, 12)))
		all = append(all, l.addOne(t, c, func(*pvesim.Server) object { return object{"poll_interval": 10} }))
	}
	alike := func() {
		t.Helper()
		for _, e := range all {
			routines, replications := e.wanted(t)
			for i, api := range apis {
				eventually(t, "all jobs of "+e.name+" at an api", func() error {
					if a, b := api.routines(t, e), api.replications(t, e); !current(routines, a) || !current(replications, b) {
						return fmt.Errorf("api %d shows %d routines and %d replications", i, len(a), len(b))
					}
					return nil
				})
			}
		}
		for _, path := range []string{routinesPath, replicationsPath, nodesPath, storagesPath, guestsPath} {
			if diff := cmp.Diff(anywhere(t, apis[0], path), anywhere(t, apis[1], path)); diff != "" {
				t.Errorf("the two apis differ in %s:\n%s", path, diff)
			}
		}
	}
	alike()
	for _, e := range all { // no more ticks: the rest is asked for
		l.rest.patch(t, fmt.Sprintf("%s%d/", endpointsPath, e.id), object{"poll_interval": 0})
	}
	l.poll(t, all...)
	d.kill(t, "poller", 0)
	d.kill(t, "projector", 1)
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) {
			w.Backups[0].BWLimit = new(4711)
			w.Replications = w.Replications[1:]
		})
	}
	l.poll(t, all...)
	alike()
	l.published(t)
	l.verify(t.Context(), t)
	for _, p := range d.processes {
		d.terminate(t, p)
	}
}

// startAll starts two of each service and makes a user. It returns one for each api.
func (d *deployment) startAll(t *testing.T) []*rest {
	t.Helper()
	d.start(t, "poller")
	eventually(t, "the public key in the log of the poller", func() error {
		key := regexp.MustCompile(`site_key\W+(X[A-Z2-7]+)`).FindStringSubmatch(d.lab.log.String())
		if key == nil {
			return errors.New("it is not there")
		}
		d.values["PROXOPS_SITE_PUBLIC_KEY"] = key[1]
		return nil
	})
	// The database is empty: whoever comes first makes the schema.
	for _, service := range []string{"projector", "projector", "api", "api", "poller"} {
		d.start(t, service)
	}
	for _, p := range d.processes {
		d.ready(t, p)
	}
	l := d.lab
	d.run(t, "user", "create", "admin", "--superuser")
	l.rest.token = strings.TrimSpace(d.run(t, "token", "create", "admin"))
	_, secret, _ := strings.Cut(l.rest.token, ".")
	l.secrets.plant(secret)
	apis := []*rest{{base: d.url("api", 0), token: l.rest.token, secrets: &l.secrets}, {base: d.url("api", 1), token: l.rest.token, secrets: &l.secrets}}
	l.rest = apis[0]
	return apis
}

// current tells whether REST shows the wanted jobs as they are, and no others as active.
func current(want, got map[string]object) bool {
	for id, w := range want {
		if got[id] == nil || !cmp.Equal(w, plain(got[id])) {
			return false
		}
	}
	return !slices.ContainsFunc(slices.Collect(maps.Values(got)), func(o object) bool {
		return o.choice("status") == "active" && want[o.text("job_id")+o.text("replication_id")] == nil
	})
}

// anywhere is a list of REST without the host and without what moves with every poll.
func anywhere(t *testing.T, r *rest, path string) map[string]object {
	t.Helper()
	list := map[string]object{}
	for _, o := range r.list(t, path) {
		list[fmt.Sprint(o.id())] = hostless(map[string]any(o), r.base).(map[string]any)
	}
	return still(list)
}

func hostless(v any, host string) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = hostless(v[name], host)
		}
	case []any:
		for i := range v {
			v[i] = hostless(v[i], host)
		}
	case string:
		return strings.TrimPrefix(v, host)
	}
	return v
}

// deployment is what docker-compose.yml describes, on this machine.
type deployment struct {
	lab       *lab
	compose   compose
	values    map[string]string // of .env
	bin       string
	database  *url.URL
	natsAddr  string
	keyFile   string
	extra     map[string][]string // environment of services beside that of docker-compose.yml
	processes []*process
}

type process struct {
	service string
	listen  map[string]string // addresses by variable
	cmd     *exec.Cmd
	ended   chan struct{}
	killed  bool
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{compose: readCompose(t), bin: t.TempDir(), keyFile: filepath.Join(t.TempDir(), "site.key")}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", d.bin+string(filepath.Separator), "./services/poller/cmd/poller",
		"./services/projector/cmd/projector", "./services/api/cmd/api", "./deploy/allinone/cmd/proxops")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the services: %v\n%s", err, out)
	}
	var err error
	address := pgtest.Empty(t)
	if d.database, err = url.Parse(address); err != nil {
		t.Fatal(err)
	}
	password, _ := d.database.User.Password()
	d.values = map[string]string{"PROXOPS_POSTGRES_PASSWORD": password, "PROXOPS_TOKEN_PEPPER": "p" + strings.Repeat("epper", 8)}
	for _, user := range []string{"ADMIN", "POLLER", "PROJECTOR", "API"} {
		d.values["PROXOPS_NATS_"+user+"_PASSWORD"] = "pw-of-" + strings.ToLower(user) + "-a2f94c"
	}
	l := &lab{log: newJournal(t)}
	l.rest = &rest{secrets: &l.secrets}
	for name, secret := range d.values {
		if name != "PROXOPS_POSTGRES_PASSWORD" { // a private server of tests may have any
			l.secrets.plant(secret)
		}
	}
	if l.pool, err = postgres.Open(t.Context(), address, postgres.Options{Name: t.Name(), MaxConns: 4}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.pool.Close)
	d.natsAddr = d.startNATS(t)
	l.bus, err = bus.Connect(t.Context(), bus.Config{URL: "nats://admin:" + d.values["PROXOPS_NATS_ADMIN_PASSWORD"] + "@" + d.natsAddr, Name: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.bus.Close)
	d.lab = l
	t.Cleanup(func() { l.finish(t) })
	t.Cleanup(func() {
		for _, p := range d.processes {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
	return d
}

// startNATS runs deploy/nats/nats.conf, with the passwords that its container gets, at another address and with another store.
func (d *deployment) startNATS(t *testing.T) string {
	t.Helper()
	conf, err := os.ReadFile(filepath.Join(root, "deploy/nats/nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var vars strings.Builder // stand in for the environment, which belongs to all tests
	for name, value := range d.environment(t, "nats") {
		fmt.Fprintf(&vars, "%s: %q\n", name, value)
	}
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, append([]byte(vars.String()), conf...), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.StoreDir, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(wait) {
		t.Fatal("NATS does not start")
	}
	return ns.Addr().String()
}

// start runs one more instance of a service, with nothing in its environment but what docker-compose.yml says.
func (d *deployment) start(t *testing.T, service string) {
	t.Helper()
	p := &process{service: service, listen: map[string]string{}, ended: make(chan struct{})}
	var env []string
	for name, value := range d.environment(t, service) {
		env = append(env, name+"="+d.local(t, p, name, value))
	}
	env = append(env, d.extra[service]...)
	if service == "poller" {
		env = append(env, "PROXOPS_POLLER_ALLOW_LOCAL_TARGETS=true") // the simulated clusters are on loopback
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(d.bin, service))
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = env, t.TempDir(), d.lab.log, d.lab.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	d.processes = append(d.processes, p)
}

// local replaces what only holds between containers.
func (d *deployment) local(t *testing.T, p *process, name, value string) string {
	t.Helper()
	switch {
	case strings.HasSuffix(name, "DATABASE_URL"):
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "postgres" || u.Host != "postgres:5432" || u.User.Username() != "proxops" || u.Path != "/proxops" {
			t.Fatalf("%s: %s=%s does not name the database of docker-compose.yml: %v", p.service, name, value, err)
		}
		return d.database.String()
	case strings.HasSuffix(name, "NATS_URL"):
		if !strings.HasSuffix(value, "@nats:4222") {
			t.Fatalf("%s: %s=%s does not name the NATS of docker-compose.yml", p.service, name, value)
		}
		return strings.Replace(value, "nats:4222", d.natsAddr, 1)
	case strings.HasSuffix(name, "LISTEN"):
		p.listen[name] = freeAddress(t)
		return p.listen[name]
	case strings.HasSuffix(name, "KEY_FILE"):
		return d.keyFile
	}
	return value
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// ready waits until an instance says that it is, and asks for its metrics.
func (d *deployment) ready(t *testing.T, p *process) {
	t.Helper()
	admin := p.listen["PROXOPS_"+strings.ToUpper(p.service)+"_ADMIN_LISTEN"]
	get := func(path string) (string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin+path, nil)
		if err != nil {
			return "", err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", res.Status, body)
		}
		return string(body), err
	}
	eventually(t, p.service+" to be ready", func() error {
		select {
		case <-p.ended:
			t.Fatalf("%s ended with %v:\n%s", p.service, p.cmd.ProcessState, d.lab.log)
		default:
		}
		_, err := get("/readyz")
		return err
	})
	if metrics, err := get("/metrics"); err != nil || !strings.Contains(metrics, "proxops_build_info") {
		t.Errorf("metrics of %s: %v\n%s", p.service, err, metrics)
	}
}

// run runs a command of proxops as `docker compose run --rm proxops` does, and returns what it prints.
func (d *deployment) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(d.bin, "proxops"), args...)
	cmd.Dir, cmd.Env = t.TempDir(), []string{}
	p := &process{service: "proxops"}
	for name, value := range d.environment(t, "proxops") {
		cmd.Env = append(cmd.Env, name+"="+d.local(t, p, name, value))
	}
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		t.Fatalf("proxops %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// nth is one instance of a service.
func (d *deployment) nth(service string, n int) *process {
	for _, p := range d.processes {
		if p.service != service {
			continue
		}
		if n == 0 {
			return p
		}
		n--
	}
	return nil
}

func (d *deployment) url(service string, n int) string {
	return "http://" + d.nth(service, n).listen["PROXOPS_"+strings.ToUpper(service)+"_LISTEN"]
}

// kill ends an instance without a warning.
func (d *deployment) kill(t *testing.T, service string, n int) {
	t.Helper()
	p := d.nth(service, n)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p.killed = true
}

// terminate asks an instance to end, which it must do within five seconds and with success.
func (d *deployment) terminate(t *testing.T, p *process) {
	t.Helper()
	if p.killed {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("%s is not there any more: %v", p.service, err)
	}
	select {
	case <-p.ended:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("%s ended with status %d", p.service, code)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%s does not end within five seconds after SIGTERM", p.service)
	}
}
