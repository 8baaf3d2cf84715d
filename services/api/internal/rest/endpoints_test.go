package rest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/seal"
)

const planted = "s3cr3t-planted"

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (s *server) sealed(id int) []byte {
	s.t.Helper()
	var box []byte
	if err := s.pool.QueryRow(s.t.Context(), "SELECT sealed_credentials FROM endpoints WHERE id = $1", id).Scan(&box); err != nil {
		s.t.Fatal(err)
	}
	return box
}

func TestSecretsAreSealedToTheSiteAndShownNowhere(t *testing.T) {
	s := serve(t)
	ca := certificate(t)
	print1 := strings.Repeat("ab", 32)
	a := s.ask("POST", endpointPath, map[string]any{
		"name": "one", "domain": "pve.example.com", "ip_address": "192.0.2.7", "port": 8007, "username": "root@pam", "password": planted + "-password",
		"token_name": "poller", "token_value": planted + "-token", "fingerprints": []string{print1, strings.ToUpper(print1)}, "ca_certificate": ca, "enabled": false,
	})
	a.want(t, 201, "")
	answers := []answer{a, s.get(path(endpointPath, 1)), s.get(endpointPath), s.get(endpointPath + "?q=" + planted), s.get(endpointPath + "?password=" + planted)}
	if got := a.json(t); got["has_credentials"] != true || fmt.Sprint(got["fingerprints"]) != "["+strings.TrimSuffix(strings.Repeat("AB:", 32), ":")+"]" {
		t.Errorf("answer: %s", a.body)
	}
	target := seal.Target{
		Hosts: []string{"pve.example.com", "192.0.2.7"}, Port: 8007, User: "root@pam", TokenName: "poller", VerifyTLS: true, Fingerprints: []string{print1}, CA: ca,
	}
	opened, err := s.site.Open(s.sealed(1), target)
	if err != nil || opened.Password.Reveal() != planted+"-password" || opened.TokenValue.Reveal() != planted+"-token" {
		t.Errorf("the site cannot open what was sealed: %v", err)
	}
	// A second secret replaces all that were sealed before, and is the only thing that changed.
	answers = append(answers, s.ask("PATCH", path(endpointPath, 1), map[string]any{"token_value": planted + "-other"}))
	if opened, err = s.site.Open(s.sealed(1), target); err != nil || opened.TokenValue.Reveal() != planted+"-other" || opened.Password != "" {
		t.Errorf("the second secret: %v", err)
	}
	rows := s.changes(3, 1)
	if len(rows) != 2 || strings.Join(rows[1].Changed, ",") != "token_value" || rows[0].Event != "" || rows[0].Queued {
		t.Errorf("changes: %+v", rows)
	}
	answers = append(answers, s.ask("PATCH", path(endpointPath, 1), map[string]any{"password": planted, "port": "x"}), s.ask("POST", endpointPath, map[string]any{"name": "one", "domain": "x", "password": planted}),
		s.ask("POST", endpointPath, map[string]any{"name": "two", "domain": "x", "username": "r@pam", "password": planted, "site": "nowhere"}), s.ask("OPTIONS", endpointPath, nil),
		s.ask("PATCH", path(endpointPath, 1), map[string]any{"password": map[string]string{"x": planted}}))
	for i, a := range answers {
		if strings.Contains(a.body, planted) {
			t.Errorf("answer %d shows it: %s", i, a.body)
		}
	}
	var rest string
	if err := s.pool.QueryRow(t.Context(), "SELECT (SELECT string_agg(c::text, ' ') FROM changes c) || (SELECT string_agg(e::text, ' ') FROM endpoints e)").Scan(&rest); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(rest+s.log.String(), planted) {
		t.Error("a secret is in the database or the log")
	}
	s.ask("PATCH", path(endpointPath, 1), map[string]any{"password": "", "token_value": nil}).want(t, 200, "")
	if s.sealed(1) != nil || s.get(path(endpointPath, 1)).json(t)["has_credentials"] != false {
		t.Error("empty secrets do not remove what is stored")
	}
}

func TestSecretsAreBoundToTheirTarget(t *testing.T) {
	s := serve(t)
	id := s.make(endpointPath, map[string]any{"name": "one", "domain": "pve.example.com", "username": "root@pam", "token_name": "poller", "token_value": planted, "enabled": false})
	bare := s.make(endpointPath, map[string]any{"name": "two", "domain": "pve.example.com", "username": "root@pam", "password": planted, "enabled": false})
	before := string(s.sealed(id))
	const again = "Enter the secret again: it is bound to the address, user and TLS settings of the endpoint, and some of these change."
	for field, value := range map[string]any{
		"domain": "evil.example.com", "ip_address": "203.0.113.9", "port": 8007, "username": "x@pam", "token_name": "y", "verify_ssl": false,
		"fingerprints": []string{strings.Repeat("ab", 32)}, "ca_certificate": certificate(t), "site": "remote",
	} {
		s.ask("PATCH", path(endpointPath, id), map[string]any{field: value}).want(t, 400, `{"token_value":["`+again+`"]}`)
		with := map[string]any{field: value, "token_value": planted}
		restore := map[string]any{"domain": "pve.example.com", "ip_address": "", "port": 8006, "username": "root@pam", "token_name": "poller", "verify_ssl": true, "fingerprints": []string{}, "ca_certificate": "", "site": "default", "token_value": planted}
		s.ask("PATCH", path(endpointPath, id), with).want(t, 200, "")
		s.ask("PATCH", path(endpointPath, id), restore).want(t, 200, "")
	}
	if string(s.sealed(id)) == before {
		t.Error("nothing was sealed again")
	}
	s.ask("PATCH", path(endpointPath, bare), map[string]any{"port": 8007}).want(t, 400, `{"password":["`+again+`"]}`)
	s.ask("PATCH", path(endpointPath, id), map[string]any{"port": 8007, "token_value": ""}).want(t, 200, "")
	if s.sealed(id) != nil {
		t.Error("an endpoint that moved without its secret keeps one")
	}
	// What does not lead anywhere else asks for nothing; nor does the same value again.
	s.ask("PATCH", path(endpointPath, bare), map[string]any{"name": "three", "poll_interval": 0, "port": 8006, "time_zone": "Europe/Berlin", "enabled": true}).want(t, 200, "")
}

func TestEndpointsAreChecked(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		fields map[string]any
		want   string
	}{
		{map[string]any{"domain": nil}, `{"__all__":["A domain or an ip_address is required."]}`},
		{map[string]any{"port": 70000}, `{"port":["Ensure this value is less than or equal to 65535."]}`},
		{map[string]any{"port": 0}, `{"port":["Ensure this value is greater than or equal to 1."]}`},
		{map[string]any{"poll_interval": 5}, `{"poll_interval":["Ensure this value is 0 (only when asked), or at least 10 seconds."]}`},
		{map[string]any{"site": "nowhere"}, `{"site":["No site \"nowhere\" is configured. Configured sites: default, remote."]}`},
		{map[string]any{"site": "Not A Token"}, `{"site":["Enter at most 63 lower-case letters, digits and hyphens."]}`},
		{map[string]any{"time_zone": "Mars/Base"}, `{"time_zone":["\"Mars/Base\" is not the name of a time zone, like Europe/Berlin."]}`},
		{map[string]any{"time_zone": "Local"}, `{"time_zone":["\"Local\" is not the name of a time zone, like Europe/Berlin."]}`},
		{map[string]any{"ip_address": "300.1.1.1"}, `{"ip_address":["Enter a valid IPv4 or IPv6 address."]}`},
		{map[string]any{"domain": "https://pve.example.com"}, `{"domain":["Enter a host name without scheme, port or path, like pve.example.com."]}`},
		{map[string]any{"domain": "192.0.2.1"}, `{"domain":["This is an address: it belongs into ip_address."]}`},
		{map[string]any{"username": "root@pam!token"}, `{"username":["Enter the user with its realm alone, like proxops@pve; the name of a token belongs into token_name."]}`},
		{map[string]any{"fingerprints": []string{"AB:CD"}}, `{"fingerprints":["Enter SHA-256 fingerprints: 32 bytes in hexadecimal, with colons, as Proxmox shows them."]}`},
		{map[string]any{"ca_certificate": "nonsense"}, `{"ca_certificate":["Enter certificates in PEM form, and nothing else."]}`},
		{map[string]any{"token_value": "x", "username": "root@pam"}, `{"token_name":["A secret needs this field too: it says whose secret it is."]}`},
		{map[string]any{"password": "x"}, `{"username":["A secret needs this field too: it says whose secret it is."]}`},
	} {
		body := map[string]any{"name": "e", "domain": "pve.example.com"}
		maps.Copy(body, c.fields)
		s.ask("POST", endpointPath, body).want(t, 400, c.want)
	}
	a := s.ask("POST", endpointPath, map[string]any{"name": "e", "ip_address": "2001:db8::0001"})
	a.want(t, 201, "")
	never := `{"status":"never","since":null,"last_seen":null,"last_attempt":null,"error_kind":"","error":"","remedy":"","missing_privilege":"","object_count":0,"warnings":[],"last_success":null,"data_age":null,"next_attempt":null}`
	want := fmt.Sprintf(`{"id":1,"url":"%s%s1/","display":"e (2001:db8::1)","name":"e","domain":"","ip_address":"2001:db8::1","port":8006,"username":"","token_name":"","verify_ssl":true,`+
		`"fingerprints":[],"ca_certificate":"","enabled":true,"poll_interval":60,"time_zone":"","site":"default","has_credentials":false,"sync_status":{"value":"never","label":"Never"},"data_age":null,`+
		`"sync_state":{"backup_routine":%s,"replication":%s,"inventory":%s,"cluster_name":"","pve_version":"","time_zone":"","failures":0,"next_attempt":null,"other_cluster":null},"tags":[],"custom_fields":{},`,
		s.http.URL, endpointPath, never, never, never)
	if !strings.HasPrefix(a.body, want) {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
	if s.hints.Load() != 1 {
		t.Errorf("%d hints for one endpoint", s.hints.Load())
	}
}

func TestSyncStateIsShownAsItIs(t *testing.T) {
	s := serve(t)
	id := s.make(endpointPath, map[string]any{"name": "e", "domain": "pve.example.com"})
	s.exec(`INSERT INTO sync_states (endpoint_id, kind, status, since, last_seen, last_attempt, error_kind, error_text, remedy, missing_privilege, object_count, warnings, next_attempt)
		VALUES ($1, 'replication', 'partial', '2026-01-01T10:00:00.5Z', now() - interval '90.5 seconds', '2026-01-01T10:01:00Z', 'permission_lost', 'a "text"', 'do it', 'VM.Audit', 3, '["w"]', '2026-01-01T10:30:00Z'),
			($1, 'inventory', 'ok', NULL, now() + interval '1 minute', NULL, '', '', '', '', 0, '[]', '2026-01-01T12:00:00Z')`, id)
	s.exec(`INSERT INTO endpoint_states (endpoint_id, cluster_name, pve_version, time_zone, next_attempt_at) VALUES ($1, 'prod', '8.4.5', 'Europe/Berlin', '2026-01-01T11:00:00Z')`, id)
	shown := s.get(path(endpointPath, id))
	for _, want := range []string{
		`"replication":{"status":"partial","since":"2026-01-01T10:00:00.500000Z","last_seen":"`,
		`"last_attempt":"2026-01-01T10:01:00Z","error_kind":"permission_lost","error":"a \"text\"","remedy":"do it","missing_privilege":"VM.Audit","object_count":3,"warnings":["w"],"last_success":"`,
		`"cluster_name":"prod","pve_version":"8.4.5","time_zone":"Europe/Berlin","failures":0,"next_attempt":"2026-01-01T11:00:00Z","other_cluster":null}`,
	} {
		if !strings.Contains(shown.body, want) {
			t.Errorf("got  %s\nwant %s", shown.body, want)
		}
	}
	kind := func(name string) map[string]any {
		t.Helper()
		return s.get(path(endpointPath, id)).json(t)["sync_state"].(map[string]any)[name].(map[string]any)
	}
	is := kind("replication")
	if age := is["data_age"].(float64); age < 90 || age > 3600 || age != float64(int(age)) || is["last_success"] != is["last_seen"] {
		t.Errorf("age %v, last success %v of %v", age, is["last_success"], is["last_seen"])
	}
	if age := kind("inventory")["data_age"]; age != 0.0 {
		t.Errorf("what comes from the future is %v old", age)
	}
	// The usual pace and the pause after failures both have to be over. Who is read only when somebody asks has no next attempt.
	for name, want := range map[string]any{"replication": "2026-01-01T11:00:00Z", "inventory": "2026-01-01T12:00:00Z", "backup_routine": "2026-01-01T11:00:00Z"} {
		if got := kind(name)["next_attempt"]; got != want {
			t.Errorf("%s is next read at %v, want %v", name, got, want)
		}
	}
	for _, off := range []map[string]any{{"poll_interval": 0}, {"poll_interval": 60, "enabled": false}} {
		s.ask("PATCH", path(endpointPath, id), off).want(t, 200, "")
		if got := kind("inventory")["next_attempt"]; got != nil {
			t.Errorf("with %v it is next read at %v", off, got)
		}
	}
	s.exec(`UPDATE endpoint_states SET other_name = 'stranger', other_standalone = true, other_seen = '2026-01-01T11:30:00Z'`)
	if got := s.get(path(endpointPath, id)).body; !strings.Contains(got, `"other_cluster":{"name":"stranger","standalone":true,"seen":"2026-01-01T11:30:00Z"}}`) {
		t.Errorf("got %s", got)
	}
}
