package catalog

import (
	"sync"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// routineDisplay is "job-1 (daily)": the id with the schedule in words.
var routineDisplay = resource.Words{Needs: []string{"job_id", "schedule"}, Write: func(b []byte, a resource.Args) []byte {
	b = append(b, a.Text(0)...)
	if words := scheduleWords.of(a.Text(1)); words != "" {
		b = append(append(append(b, " ("...), words...), ')')
	}
	return b
}}

// replicationDisplay is "100-0 (web-server-01 → pve-node-02)".
var replicationDisplay = resource.Words{Needs: []string{"replication_id", "virtual_machine.name", "target"}, Write: func(b []byte, a resource.Args) []byte {
	b = append(append(b, a.Text(0)...), " ("...)
	b = append(append(b, a.Text(1)...), " → "...)
	return append(append(b, a.Text(2)...), ')')
}}

// endpointDisplay is "prod-proxmox (proxmox.example.com)".
var endpointDisplay = resource.Words{Needs: []string{"name", "domain", "ip_address"}, Write: func(b []byte, a resource.Args) []byte {
	b = append(b, a.Text(0)...)
	host := a.Text(1)
	if len(host) == 0 {
		host = a.Text(2)
	}
	if len(host) == 0 {
		return b
	}
	return append(append(append(b, " ("...), host...), ')')
}}

// scheduleText is the schedule in words.
var scheduleText = resource.Field{Name: "schedule_text", ReadOnly: true, Help: "The schedule in words, where there are some", Kind: resource.Words{
	Needs: []string{"schedule"}, Write: func(b []byte, a resource.Args) []byte { return append(b, scheduleWords.of(a.Text(0))...) },
}}

// scheduleWords remembers the words for schedules, as few schedules make many rows.
var scheduleWords = wordsCache{words: map[string]string{}}

type wordsCache struct {
	mu    sync.RWMutex
	words map[string]string
}

const maxWords = 4096

func (c *wordsCache) of(schedule []byte) string {
	c.mu.RLock()
	words, ok := c.words[string(schedule)]
	c.mu.RUnlock()
	if ok || len(schedule) == 0 {
		return words
	}
	text := string(schedule)
	words = text
	if e, err := calendar.ParseAny(text); err == nil {
		words = e.Words()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.words) >= maxWords {
		clear(c.words)
	}
	c.words[text] = words
	return words
}
