package web

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// written are words that people write in a way of their own.
var written = map[string]string{
	"api": "API", "ca": "CA", "cpu": "CPU", "cpus": "CPUs", "csv": "CSV", "http": "HTTP", "https": "HTTPS", "id": "ID", "ids": "IDs", "io": "I/O", "ip": "IP", "ips": "IPs", "json": "JSON",
	"lxc": "LXC", "pbs": "PBS", "proxmox": "Proxmox", "qemu": "QEMU", "rpc": "RPC", "sha": "SHA", "ssl": "SSL", "tls": "TLS", "ui": "UI", "upid": "UPID", "url": "URL", "urls": "URLs",
	"utc": "UTC", "uuid": "UUID", "vcpus": "vCPUs", "vm": "VM", "vmid": "VMID", "vmids": "VMIDs", "vms": "VMs",
}

// words is a name of a program as people write it.
func words(name string) string {
	all := strings.FieldsFunc(name, func(c rune) bool { return c == '_' || c == '-' || unicode.IsSpace(c) })
	for i, w := range all {
		if own, ok := written[strings.ToLower(w)]; ok {
			all[i] = own
		} else if i == 0 {
			all[i] = capital(w)
		}
	}
	return strings.Join(all, " ")
}

// capital is a text with a capital at its beginning.
func capital(text string) string {
	for i, c := range text {
		return string(unicode.ToUpper(c)) + text[i+len(string(c)):]
	}
	return ""
}

// within is a title as it stands within a sentence: small but for acronyms and names.
func within(title string) string {
	all := strings.Fields(title)
	for i, w := range all {
		if _, named := written[strings.ToLower(w)]; !named && strings.IndexFunc(w, unicode.IsUpper) == strings.LastIndexFunc(w, unicode.IsUpper) {
			all[i] = strings.ToLower(w)
		}
	}
	return strings.Join(all, " ")
}

// withArticle is a title within a sentence, with "a" or "an".
func withArticle(title string) string {
	title = within(title)
	if strings.ContainsRune("aeioAEIO", rune(title[0])) { // not u: a user
		return "an " + title
	}
	return "a " + title
}

var snake = regexp.MustCompile(`['"]?\b[a-z]+(?:_[a-z]+)+\b['"]?`)

// spoken is a message of the API with labels instead of the names of fields. What is in quotes was said by somebody else.
func spoken(r *resource.Resource, text string) string {
	return snake.ReplaceAllStringFunc(text, func(name string) string {
		if r.Field(name) == nil {
			return name
		}
		return within(label(r, name))
	})
}
