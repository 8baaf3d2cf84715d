package pvesim

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// Cluster is one simulated cluster: a model, its dialect and its faults. All methods may be called at any time and at once.
type Cluster struct {
	dialect dialect
	name    string // "" = the world's
	listen  string
	delays  Delays
	clock   func() time.Time

	mu      sync.Mutex
	rand    *mathrand.Rand
	world   World
	tokens  []Token
	trouble trouble
	faults  []*activeFault
	counts  counters
	certs   *certificates
	server  *Server
}

// Delays are the pauses that Proxmox VE makes before some refusals.
type Delays struct {
	Auth time.Duration // before 401
	Down time.Duration // before 500 while pmxcfs is down
	Lock time.Duration // before a lock is given up
}

// RealDelays are those of a real cluster. Without them (see WithDelays) a cluster refuses at once.
var RealDelays = Delays{Auth: 3 * time.Second, Down: 3 * time.Second, Lock: 10 * time.Second}

// Option changes a cluster while New makes it.
type Option func(*Cluster)

// WithName sets the cluster's name, also that of a world given by another option.
func WithName(name string) Option { return func(c *Cluster) { c.name = name } }

// WithWorld sets what the cluster consists of. The cluster keeps a copy.
func WithWorld(w World) Option { return func(c *Cluster) { c.world = w.Clone() } }

// WithSeed sets the order of keys and the like; every seed is as random as Proxmox VE.
func WithSeed(seed int64) Option { return func(c *Cluster) { c.rand = newRand(seed) } }

// WithClock sets the clock that next-run and the like are computed from; certificates use the real one.
func WithClock(now func() time.Time) Option { return func(c *Cluster) { c.clock = now } }

// WithToken adds an API token. The first one is what Token returns; without any, one is made up.
func WithToken(t Token) Option { return func(c *Cluster) { c.tokens = append(c.tokens, t) } }

// WithDelays makes refusals as slow as given; RealDelays is as slow as Proxmox VE.
func WithDelays(d Delays) Option { return func(c *Cluster) { c.delays = d } }

// WithListen sets the address that Start listens on; "127.0.0.1:0" unless given.
func WithListen(address string) Option { return func(c *Cluster) { c.listen = address } }

// New makes a cluster that speaks one of Versions, which has the world of FixtureWorld unless an option says otherwise. It
// panics on any other version: which one to simulate is written in the calling program.
func New(version string, opts ...Option) *Cluster {
	d, err := dialectOf(version)
	if err != nil {
		panic("pvesim: " + err.Error())
	}
	c := &Cluster{dialect: d, listen: "127.0.0.1:0", clock: time.Now, rand: newRand(1), world: FixtureWorld(version), certs: newCertificates()}
	for _, opt := range opts {
		opt(c)
	}
	if c.name != "" {
		c.world.Name = c.name
	}
	if len(c.tokens) == 0 {
		c.tokens = []Token{{User: "proxops@pve", Name: "reader", Secret: newUUID()}}
	}
	return c
}

// Version is the one given to New.
func (c *Cluster) Version() string { return c.dialect.version }

// Name is the cluster's own name.
func (c *Cluster) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Name
}

// Token is the first token.
func (c *Cluster) Token() Token {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[0]
}

// World returns a copy of the present model.
func (c *Cluster) World() World {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Clone()
}

// Edit changes the model; change must not keep w. When this changes vzdump.cron, all jobs of that file get new ids. While quorum
// is lost, Edit changes the healthy side of the cluster, which is seen once quorum is back.
func (c *Cluster) Edit(change func(w *World)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.world
	cron, repl := cronSum(c.dialect, w), replicationSum(c.dialect, w)
	change(w)
	if cronSum(c.dialect, w) != cron {
		w.CronDigest = ""
	}
	if replicationSum(c.dialect, w) != repl {
		w.ReplicationDigest = ""
	}
}

// BackupIDs lists the ids of all backup jobs as clients see them, in the order of the list. On 6.4 they depend on the whole
// content of vzdump.cron.
func (c *Cluster) BackupIDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	jobs := backups(c.dialect, &c.world)
	ids := make([]string, 0, len(jobs))
	for _, j := range jobs {
		ids = append(ids, j.id)
	}
	return ids
}

func newRand(seed int64) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(uint64(seed), 0))
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
