package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func endpoints(o Options) *resource.Resource {
	hooks := resource.Hooks{Reach: holdSchedules, BeforeAll: sealer(o.SiteKeys).beforeAll, AfterAll: forgetOther, BeforeDelete: forgetEndpoints}
	if o.EndpointsChanged != nil {
		hooks.Committed = o.EndpointsChanged
	}
	secret := func(name string) resource.Field {
		return resource.Field{Name: name, Column: "-", Kind: resource.Char{Keep: true, Max: 1024, AsBlank: []any{nil}}, Blank: true, WriteOnly: true, Help: "Never shown: sealed to the site's key on arrival"}
	}
	return &resource.Resource{
		Name: Endpoints, Path: plugin + "endpoints/proxmox", Table: "endpoints", Type: change.ProxmoxEndpoint,
		Class: "ProxmoxEndpoint", Verbose: "Endpoint",
		Fields: fields(leading(endpointDisplay), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 255}, Required: true},
			{Name: "domain", Kind: resource.Char{Max: 253, Clean: domain, AsBlank: []any{nil}}, Blank: true},
			{Name: "ip_address", Kind: resource.Char{Max: 64, Clean: ipAddress, AsBlank: []any{nil}}, Blank: true, Label: "IP address"},
			{Name: "port", Kind: resource.Integer{Min: 1, Max: 65535}, Default: int64(8006)},
			{Name: "username", Kind: resource.Char{Max: 255, Clean: username}, Blank: true, Help: "With its realm, root@pam"},
			secret("password"),
			{Name: "token_name", Kind: resource.Char{Max: 255, Clean: tokenName}, Blank: true},
			secret("token_value"),
			{Name: "verify_ssl", Kind: resource.Boolean{}, Default: true, Label: "Verify SSL"},
			{Name: "fingerprints", Kind: resource.JSON{Form: resource.ListJSON, Clean: fingerprints}, Help: "SHA-256 of certificates that are trusted"},
			{Name: "ca_certificate", Kind: resource.Text{Clean: certificates}, Blank: true, Label: "CA certificate", NoFilter: true},
			{Name: "enabled", Kind: resource.Boolean{}, Default: true},
			{Name: "poll_interval", Kind: resource.Integer{Max: 7 * 24 * 3600, Check: pollInterval}, Default: int64(60), Help: "Seconds; 0: only when asked"},
			{Name: "time_zone", Kind: resource.Char{Max: 64, Clean: timeZone}, Blank: true, Help: "Of the cluster's schedules; empty: as the cluster says"},
			{Name: "site", Kind: resource.Char{Max: 63, Clean: siteName}, Default: subjects.DefaultSite, Help: "Whose pollers read it"},
			{Name: "has_credentials", Kind: resource.Boolean{}, Expr: "({t}.sealed_credentials IS NOT NULL)"},
			{
				Name: "sync_status", Kind: resource.Choice{Choices: SyncStatuses}, Expr: syncStatus,
				Help: "How reading goes: as for the kind that fares worst; never: some kind was not read yet; disabled: whatever its kinds say",
			},
			{Name: "data_age", Kind: resource.Integer{}, Expr: dataAge, Null: true, Help: "Seconds since backup routines and replications were both read completely; null: never"},
			{Name: "sync_state", Kind: resource.JSON{Form: resource.VerbatimJSON}, Expr: syncState},
		}, trailing()),
		Brief:    named,
		Order:    []string{"name"},
		Search:   []string{"name", "domain", "ip_address"},
		Unique:   []resource.Unique{{Constraint: "endpoints_name_key", Fields: []string{"name"}}},
		LockSelf: true,
		Hooks:    hooks,
	}
}

func pollInterval(seconds int64) (wrong string) {
	if seconds != 0 && seconds < 10 {
		return "Ensure this value is 0 (only when asked), or at least 10 seconds."
	}
	return ""
}

// SyncStatuses are how reading an endpoint goes as a whole, the worst first.
var SyncStatuses = []resource.Option{
	{Value: "failing", Label: "Failing"}, {Value: "partial", Label: "Partial"}, {Value: "never", Label: "Never"}, {Value: "ok", Label: "OK"}, {Value: "disabled", Label: "Disabled"},
}

// syncStatus is one of SyncStatuses.
var syncStatus = func() string {
	has := func(status string) string {
		return "EXISTS (SELECT FROM sync_states s WHERE s.endpoint_id = {t}.id AND s.status = '" + status + "')"
	}
	read := "(SELECT count(*) FROM sync_states s WHERE s.endpoint_id = {t}.id AND s.status <> 'never')"
	return "CASE WHEN NOT {t}.enabled THEN 'disabled' WHEN " + has("failing") + " THEN 'failing' WHEN " + has("partial") + " THEN 'partial'" +
		" WHEN " + read + " < 3 THEN 'never' ELSE 'ok' END"
}()

// dataAge is the age of the older of both kinds of jobs.
const dataAge = "(SELECT CASE WHEN count(s.last_seen) = 2 THEN greatest(0, floor(extract(epoch FROM clock_timestamp() - min(s.last_seen))))::bigint END" +
	" FROM sync_states s WHERE s.endpoint_id = {t}.id AND s.kind IN ('backup_routine', 'replication'))"

// syncState is what is known about the readings of an endpoint. A kind that was never read has the status "never". When it will be read again is null
// if that is only when somebody asks.
var syncState = func() string {
	kind := func(name string) string {
		return `'` + name + `', (SELECT json_build_object('status', coalesce(s.status, 'never'), 'since', ` + stampSQL("s.since") + `, 'last_seen', ` + stampSQL("s.last_seen") +
			`, 'last_attempt', ` + stampSQL("s.last_attempt") + `, 'error_kind', coalesce(s.error_kind, ''), 'error', coalesce(s.error_text, ''), 'remedy', coalesce(s.remedy, '')` +
			`, 'missing_privilege', coalesce(s.missing_privilege, ''), 'object_count', coalesce(s.object_count, 0), 'warnings', coalesce(s.warnings, '[]')` +
			`, 'last_success', ` + stampSQL("s.last_seen") + `, 'data_age', CASE WHEN s.last_seen IS NOT NULL THEN greatest(0, floor(extract(epoch FROM clock_timestamp() - s.last_seen)))::bigint END` +
			`, 'next_attempt', CASE WHEN {t}.enabled AND {t}.poll_interval > 0 THEN ` + stampSQL("greatest(s.next_attempt, es.next_attempt_at)") + ` END)` +
			` FROM (SELECT 1) one LEFT JOIN sync_states s ON s.endpoint_id = {t}.id AND s.kind = '` + name + `')`
	}
	return `(SELECT json_build_object(` + strings.Join([]string{kind("backup_routine"), kind("replication"), kind("inventory")}, ", ") +
		`, 'cluster_name', coalesce(es.cluster_name, ''), 'pve_version', coalesce(es.pve_version, ''), 'time_zone', coalesce(es.time_zone, ''), 'failures', coalesce(es.failures, 0), 'next_attempt', ` +
		`CASE WHEN {t}.enabled AND {t}.poll_interval > 0 THEN ` + stampSQL("es.next_attempt_at") + ` END, 'other_cluster', CASE WHEN es.other_name <> '' THEN json_build_object('name', es.other_name, 'standalone', es.other_standalone, 'seen', ` +
		stampSQL("es.other_seen") + `) END) FROM (SELECT 1) one LEFT JOIN endpoint_states es ON es.endpoint_id = {t}.id)`
}()

// sealer seals credentials to the public keys of sites.
type sealer map[string]string

// bound are the fields that say where a secret goes. A secret is sealed together with them.
var bound = []string{"domain", "ip_address", "port", "username", "token_name", "verify_ssl", "fingerprints", "ca_certificate", "site"}

func (keys sealer) beforeAll(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	var ids []int64
	for _, w := range all {
		if w.Before != nil {
			ids = append(ids, w.Before.ID)
		}
	}
	var sealed []int64
	if ids != nil {
		rows, err := tx.Query(ctx, "SELECT id::bigint FROM endpoints WHERE sealed_credentials IS NOT NULL AND id = ANY($1::bigint[])", ids)
		if err == nil {
			sealed, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		}
		if err != nil {
			return fmt.Errorf("look for credentials of endpoints: %w", err)
		}
	}
	for _, w := range all {
		if err := keys.seal(w, w.Before != nil && slices.Contains(sealed, w.Before.ID)); err != nil {
			return err
		}
	}
	return nil
}

// seal checks an endpoint and seals the secrets that come with it; has says that it had some before.
func (keys sealer) seal(w *resource.Write, has bool) error {
	if w.After.Text("domain") == "" && w.After.Text("ip_address") == "" {
		w.Errors.Add(resource.Model, "A domain or an ip_address is required.")
	}
	site := w.After.Text("site")
	if keys[site] == "" && w.Differs("site") {
		w.Errors.Add("site", fmt.Sprintf("No site %q is configured. Configured sites: %s.", site, strings.Join(slices.Sorted(maps.Keys(keys)), ", ")))
		return nil
	}
	password, givenPassword := w.Secrets["password"]
	token, givenToken := w.Secrets["token_value"]
	switch {
	case password == "" && token == "" && (givenPassword || givenToken):
		w.Columns["sealed_credentials"] = nil
	case !givenPassword && !givenToken:
		if has && w.Differs(bound...) {
			w.Errors.Add(secretOf(w.After), "Enter the secret again: it is bound to the address, user and TLS settings of the endpoint, and some of these change.")
		}
		return nil
	default:
		if wrong := usable(w.After, token); wrong != "" {
			w.Errors.Add(wrong, "A secret needs this field too: it says whose secret it is.")
			return nil
		}
		box, err := seal.Seal(keys[site], target(w.After), seal.Credentials{Password: password, TokenValue: token})
		if err != nil {
			return fmt.Errorf("seal the credentials of endpoint %q to site %q: %w", w.After.Text("name"), site, err)
		}
		w.Columns["sealed_credentials"] = box
	}
	for _, name := range []string{"password", "token_value"} {
		if w.Given[name] {
			w.Changed = append(w.Changed, name)
		}
	}
	return nil
}

// secretOf names the secret that an endpoint needs.
func secretOf(o *resource.Record) string {
	if o.Text("token_name") != "" {
		return "token_value"
	}
	return "password"
}

// usable names the field that a secret cannot do without, if it is empty.
func usable(o *resource.Record, token seal.Secret) string {
	switch {
	case o.Text("username") == "":
		return "username"
	case token != "" && o.Text("token_name") == "":
		return "token_name"
	}
	return ""
}

// target is what a secret is bound to. Pollers make the same of what a claim tells them.
func target(o *resource.Record) seal.Target {
	port, _ := o.Int("port")
	var prints []string
	if raw, ok := o.Get("fingerprints").(json.RawMessage); ok {
		_ = json.Unmarshal(raw, &prints) // checked when it was read
	}
	return seal.Target{
		Hosts: []string{o.Text("domain"), o.Text("ip_address")}, Port: int(port), User: o.Text("username"), TokenName: o.Text("token_name"),
		VerifyTLS: o.Bool("verify_ssl"), Fingerprints: prints, CA: o.Text("ca_certificate"),
	}
}

// forgetEndpoints removes the sync state of endpoints that are deleted, fails what sync jobs wait for there, and takes them out of schedules.
func forgetEndpoints(ctx context.Context, d *resource.Deletion) error {
	_, err := d.Tx.Exec(ctx, `UPDATE job_parts SET status = 'failed', error_kind = 'deleted', error_text = 'the endpoint was deleted', completed = clock_timestamp()
		WHERE endpoint_id = ANY($1::bigint[]) AND status IN ('pending', 'running')`, d.IDs)
	if err != nil {
		return fmt.Errorf("settle parts of sync jobs on endpoints: %w", err)
	}
	if err := leaveSchedules(ctx, d); err != nil {
		return err
	}
	for _, table := range []string{"sync_states", "endpoint_states"} {
		if _, err := d.Tx.Exec(ctx, "DELETE FROM "+table+" WHERE endpoint_id = ANY($1::bigint[])", d.IDs); err != nil {
			return fmt.Errorf("delete %s of endpoints: %w", table, err)
		}
	}
	return nil
}
