package pvesim

// trouble is what befell a cluster as a whole. Its zero value is health.
type trouble struct {
	old     *World // what the minority side still believes, nil = quorum
	alias   string // another cluster's name, "" = its own
	hiccup  bool   // pmxcfs lost its lists of members and guests
	denied  []ACL  // taken from every token
	revoked bool   // no token is accepted
	foreign *certificates
}

// LoseQuorum makes the answering node one of a minority that still believes in old, which may be arbitrarily out of date.
func (c *Cluster) LoseQuorum(old World) {
	old = old.Clone()
	old.NoQuorum = true
	c.set(func(t *trouble) { t.old = &old })
}

// RestoreQuorum lets the node see the cluster again as it is now.
func (c *Cluster) RestoreQuorum() { c.set(func(t *trouble) { t.old = nil }) }

// Rename lets the cluster answer under another's name, as when an address was given to another cluster; "" ends this.
func (c *Cluster) Rename(name string) { c.set(func(t *trouble) { t.alias = name }) }

// Hiccup empties the lists of members and guests, as a node does whose pmxcfs is sick: no cluster row, no guests, status 200.
func (c *Cluster) Hiccup() { c.set(func(t *trouble) { t.hiccup = true }) }

// Deny takes all permissions on paths such as "/vms/100" or "/" from every token.
func (c *Cluster) Deny(paths ...string) {
	c.set(func(t *trouble) {
		for _, p := range paths {
			t.denied = append(t.denied, ACL{Path: p, Role: "NoAccess"})
		}
	})
}

// DenyVM takes all permissions on guests: lists lack them, or fail as a whole.
func (c *Cluster) DenyVM(vmids ...int) {
	for _, vmid := range vmids {
		c.Deny(vmPath(vmid))
	}
}

// Allow gives back what Deny and DenyVM took.
func (c *Cluster) Allow() { c.set(func(t *trouble) { t.denied = nil }) }

// RevokeTokens makes every token wrong.
func (c *Cluster) RevokeTokens() { c.set(func(t *trouble) { t.revoked = true }) }

// SetACL sets what the first token may do; none = PVEAuditor on "/". Heal does not change it.
func (c *Cluster) SetACL(acl ...ACL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[0].ACL = acl
}

// RotateCertificate renews the server's certificate under the same CA, as Proxmox VE does before it expires. Heal does not
// bring the old one back.
func (c *Cluster) RotateCertificate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.certs.renew()
	c.server.dropConnections()
}

// ReplaceCertificate shows a certificate of a foreign CA until Heal.
func (c *Cluster) ReplaceCertificate() {
	foreign := newCertificates()
	foreign.prepare(c.certs.names())
	c.set(func(t *trouble) { t.foreign = foreign })
}

// Heal ends all faults and all trouble.
func (c *Cluster) Heal() {
	c.ClearFaults()
	c.set(func(t *trouble) { *t = trouble{} })
}

func (c *Cluster) set(change func(*trouble)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.trouble.foreign
	change(&c.trouble)
	if c.trouble.foreign != before {
		c.server.dropConnections()
	}
}

// served is the world that is answered from.
func (c *Cluster) served() *World {
	w := &c.world
	if c.trouble.old != nil {
		w = c.trouble.old
	}
	if c.trouble.alias == "" && !c.trouble.hiccup && !w.Standalone {
		return w
	}
	changed := *w
	if w.Standalone {
		changed.Nodes = w.Nodes[:min(1, len(w.Nodes))] // it knows no other
	}
	if c.trouble.alias != "" {
		changed.Name = c.trouble.alias
	}
	if c.trouble.hiccup {
		changed.Standalone, changed.Nodes, changed.Guests = true, w.Nodes[:min(1, len(w.Nodes))], nil
	}
	return &changed
}

func (c *Cluster) aclOf(t *Token) []ACL {
	acl := t.acl()
	if len(c.trouble.denied) == 0 {
		return acl
	}
	return append(append([]ACL(nil), acl...), c.trouble.denied...)
}
