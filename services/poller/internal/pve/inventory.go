package pve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are checked on machines that have no zone files, too

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Inventory reads what jobs refer to, with five calls. A time zone that cannot be read is only a warning.
func (c *Conn) Inventory(ctx context.Context, s Status) (*proxopsv1.Inventory, *Warnings, error) {
	var warn Warnings
	inv := &proxopsv1.Inventory{}
	for _, part := range []struct {
		call, path string
		read       func(json.RawMessage) error
	}{
		{callVersion, "/version", func(raw json.RawMessage) (err error) { inv.Version, err = version(raw); return err }},
		{callNodes, "/nodes", func(raw json.RawMessage) (err error) { inv.Nodes, err = nodes(raw, s, &warn); return err }},
		{callGuests, pathGuests, func(raw json.RawMessage) (err error) { inv.Guests, err = guests(raw, &warn); return err }},
		{callStorage, "/storage", func(raw json.RawMessage) (err error) { inv.Storages, err = storages(raw, &warn); return err }},
	} {
		raw, err := c.get(ctx, part.call, part.path)
		if err != nil {
			return nil, nil, err
		}
		if err := part.read(raw); err != nil {
			return nil, nil, c.explain(part.call, err)
		}
	}
	inv.TimeZone = c.timeZone(ctx, s, &warn)
	return inv, &warn, nil
}

// Version reads which version answers.
func (c *Conn) Version(ctx context.Context) (string, error) {
	raw, err := c.get(ctx, callVersion, "/version")
	if err != nil {
		return "", err
	}
	v, err := version(raw)
	return v, c.explain(callVersion, err)
}

// GuestNodes reads on which node each guest is that the token may see.
func (c *Conn) GuestNodes(ctx context.Context) (map[int64]string, error) {
	raw, err := c.get(ctx, callGuests, pathGuests)
	if err != nil {
		return nil, err
	}
	found, err := guests(raw, &Warnings{})
	if err != nil {
		return nil, c.explain(callGuests, err)
	}
	out := make(map[int64]string, len(found))
	for _, g := range found {
		out[g.GetVmid()] = g.GetNode()
	}
	return out, nil
}

func version(raw json.RawMessage) (string, error) {
	o, err := single(raw)
	if err != nil {
		return "", err
	}
	v, _ := lexText(o["version"])
	if v == "" || len(v) > maxText {
		return "", malformedf("it tells no version")
	}
	return v, nil
}

// timeZone asks the node that answers, as any other would be asked through it.
func (c *Conn) timeZone(ctx context.Context, s Status, warn *Warnings) string {
	if s.Local == "" {
		warn.addf("the time zone is unknown: no node of /cluster/status is the local one")
		return ""
	}
	raw, err := c.get(ctx, callTime, "/nodes/"+url.PathEscape(s.Local)+"/time")
	if err != nil {
		warn.addf("the time zone is unknown: %v", err)
		return ""
	}
	o, err := single(raw)
	if err != nil {
		warn.addf("the time zone is unknown: %v", c.explain(callTime, err))
		return ""
	}
	zone, _ := lexText(o["timezone"])
	// "Local" would mean the zone of this process.
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" || len(zone) > maxText {
		warn.addf("the time zone is unknown: node %s says %q", s.Local, clip(zone, 60))
		return ""
	}
	return zone
}

func nodes(raw json.RawMessage, s Status, warn *Warnings) ([]*proxopsv1.Node, error) {
	entries, err := list(raw)
	if err != nil {
		return nil, err
	}
	out := make([]*proxopsv1.Node, 0, len(entries))
	seen := map[string]bool{}
	for i, entry := range entries {
		f := fields{object: entry, of: fmt.Sprintf("node %d", i+1), warn: warn}
		name := f.word("node")
		if name == "" {
			return nil, malformedf("node %d of the list has no name", i+1)
		}
		if seen[name] {
			warn.addf("the list has node %q more than once; the first was kept", name)
			warn.skipped++
			continue
		}
		seen[name] = true
		row := fields{object: s.nodes[name], of: "node " + name, warn: warn}
		n := &proxopsv1.Node{
			Name:           name,
			Online:         f.word("status") == "online",
			IpAddress:      row.word("ip"),
			SslFingerprint: f.word("ssl_fingerprint"),
			MaxCpu:         f.size("maxcpu"),
			MaxMemory:      f.size("maxmem"),
		}
		if id := row.number("nodeid"); id != nil {
			n.NodeId = *id
		}
		out = append(out, n)
	}
	// A node whose view of the cluster is lost answers with empty lists.
	for name := range s.nodes {
		if !seen[name] {
			return nil, malformedf("it does not list node %s, which /cluster/status does", clip(name, 60))
		}
	}
	slices.SortFunc(out, func(a, b *proxopsv1.Node) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

func guests(raw json.RawMessage, warn *Warnings) ([]*proxopsv1.Guest, error) {
	entries, err := list(raw)
	if err != nil {
		return nil, err
	}
	out := make([]*proxopsv1.Guest, 0, len(entries))
	seen := map[int64]bool{}
	for i, entry := range entries {
		kind, _ := lexText(entry["type"])
		if kind != "qemu" && kind != "lxc" {
			warn.skipped++
			continue
		}
		f := fields{object: entry, of: fmt.Sprintf("guest %d of the list", i+1), warn: warn}
		vmid := f.number("vmid")
		if vmid == nil || *vmid == 0 {
			return nil, malformedf("guest %d of the list has no vmid", i+1)
		}
		f.of = fmt.Sprintf("guest %d", *vmid)
		if seen[*vmid] {
			warn.addf("the list has guest %d more than once; the first was kept", *vmid)
			warn.skipped++
			continue
		}
		seen[*vmid] = true
		g := &proxopsv1.Guest{
			Vmid:      *vmid,
			Name:      f.word("name"),
			GuestType: kind,
			Node:      f.word("node"),
			Status:    f.word("status"),
			Template:  f.flag("template", false),
			Pool:      f.word("pool"),
			Tags:      sorted(f.words("tags")),
			MaxMemory: f.size("maxmem"),
			MaxDisk:   f.size("maxdisk"),
		}
		if cpus := f.amount("maxcpu"); cpus != nil {
			g.MaxCpu = *cpus
		}
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *proxopsv1.Guest) int { return int(a.GetVmid() - b.GetVmid()) })
	return out, nil
}

func storages(raw json.RawMessage, warn *Warnings) ([]*proxopsv1.Storage, error) {
	entries, err := list(raw)
	if err != nil {
		return nil, err
	}
	out := make([]*proxopsv1.Storage, 0, len(entries))
	seen := map[string]bool{}
	for i, entry := range entries {
		f := fields{object: entry, of: fmt.Sprintf("storage %d of the list", i+1), warn: warn}
		name := f.word("storage")
		if name == "" {
			return nil, malformedf("storage %d of the list has no name", i+1)
		}
		f.of = fmt.Sprintf("storage %q", name)
		if seen[name] {
			warn.addf("the list has storage %q more than once; the first was kept", name)
			warn.skipped++
			continue
		}
		seen[name] = true
		st := &proxopsv1.Storage{
			Name:        name,
			StorageType: f.word("type"),
			Content:     sorted(f.words("content")),
			Nodes:       sorted(f.words("nodes")),
			Shared:      f.flag("shared", false),
			Enabled:     !f.flag("disable", false),
		}
		if st.RawConfig, err = rawStorage(entry); err != nil {
			return nil, fmt.Errorf("%s: %w", f.of, err)
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b *proxopsv1.Storage) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

// rawStorage is the storage as the cluster tells it, without secrets, and with those lists sorted that come in random order.
func rawStorage(entry object) ([]byte, error) {
	raw := make(object, len(entry))
	for key, value := range entry {
		if secretOption(key) {
			continue
		}
		raw[key] = value
	}
	for _, key := range []string{"content", "nodes"} {
		if words, ok := lexWords(entry[key]); ok {
			raw[key] = strings.Join(sorted(words), ",")
		}
	}
	return canonical(raw, "digest")
}

// secretOption says whether an option of a storage may hold a secret. Proxmox VE does not list them, but a plugin may.
func secretOption(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc([]string{"password", "passwd", "secret", "token", "keyring", "encryption-key", "master-pubkey", "private"},
		func(part string) bool { return strings.Contains(key, part) })
}

func sorted(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
