"""Asks a NetBox-like server a few hundred questions and records the answers, normalised, so that two servers can be compared.

battery.py --base http://127.0.0.1:8201 --token nbt_... --out got.json [--dialect netbox|proxops]
Ids, times, uuids, hosts and tokens become symbols; everything else is kept. Objects are found by natural key, never by id.
"""
import argparse, json, re, sys, uuid
import requests

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NODE_PATHS = "/api/plugins/proxbox/nodes/", "/api/plugins/proxbox/proxmox-nodes/"  # one resource, two paths
PATH_ID = re.compile(r"(/api/[a-z0-9/_-]*?/)(\d+)/")
VOLATILE = {"created", "last_updated", "time", "last_used", "date_joined", "last_login", "expires", "request_id", "job_id_uuid"}


class Server:
    def __init__(self, base, token, dialect):
        self.base, self.token, self.dialect = base.rstrip("/"), token, dialect
        self.http = requests.Session()
        self.names = {}      # (list path, id) -> symbol
        self.tokens = {"admin": token}
        self.results = {}

    def auth(self, token):
        return {"Authorization": ("Bearer " if token.startswith("nbt_") else "Token ") + token} if token else {}

    def raw(self, method, path, body=None, token="admin", headers=None, data=None):
        h = {"Accept": "application/json", "Connection": "close"}  # some servers answer HEAD with a body
        if token:
            h.update(self.auth(self.tokens.get(token, token)))
        if body is not None:
            data = json.dumps(body).encode()
            h["Content-Type"] = "application/json"
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        url = path if path.startswith("http") else self.base + path
        req = requests.Request(method, url, headers=h, data=data).prepare()
        return self.http.send(req, allow_redirects=False, timeout=60)

    def must(self, method, path, body=None, **kw):
        r = self.raw(method, path, body, **kw)
        if r.status_code >= 300:
            sys.exit(f"{method} {path}: {r.status_code} {r.text[:400]}")
        return r.json() if r.content else None

    def name(self, path, obj, symbol):
        self.names[(path, obj["id"])] = f"<{symbol}>"
        return obj

    def all(self, path):
        out, url = [], f"{path}{'&' if '?' in path else '?'}limit=1000"
        while url:
            d = self.must("GET", url)
            out += d["results"]
            url = d["next"]
        return out

    # --- normalising
    def sym(self, path, i):
        return self.names.get((path, int(i)), "<new>")

    def text(self, s):
        s = s.replace(self.base, "").replace(*NODE_PATHS)
        s = PATH_ID.sub(lambda m: f"{m[1]}{self.sym(m[1], m[2])}/", s)
        s = re.sub(r"([?&]start=)[1-9]\d*(?=&|$)", r"\1<id>", s)
        return UUID.sub("<uuid>", s)

    def norm(self, v, key=None, path=None):
        if isinstance(v, dict):
            here = None
            u = v.get("url")
            if isinstance(u, str):
                m = PATH_ID.search(u.replace(*NODE_PATHS))
                here = m[1] if m else None
            out = {}
            for k, x in v.items():
                if k == "id" and isinstance(x, int):
                    out[k] = self.sym(here, x) if here else "<id>"
                elif k == "cluster" and isinstance(x, dict) and "/storage/" in str(u):
                    out[k] = {"id": "<id>", "name": x.get("name")}  # the seed's nested form
                elif k == "key" and isinstance(x, str) and re.fullmatch(r"[A-Za-z0-9]{12}", x):
                    out[k] = "<key>"
                elif k in VOLATILE and isinstance(x, str):
                    out[k] = "<stamp>" if STAMP.fullmatch(x) else ("<uuid>" if UUID.fullmatch(x) else x)
                elif k in ("display", "object_repr", "display_url") and isinstance(x, str):
                    out[k] = f"<{k}>" if x else x
                elif k in ("changed_object_id", "assigned_object_id", "object_id", "created_by") and isinstance(x, int):
                    out[k] = "<id>"
                elif k in ("prechange_data", "postchange_data") and isinstance(x, dict):
                    out[k] = {kk: ("<fk>" if kk in ("endpoint", "node", "storage", "fleecing_storage", "virtual_machine", "proxmox_node") and xx is not None else self.norm(xx, kk)) for kk, xx in x.items()}
                else:
                    out[k] = self.norm(x, k)
            return out
        if isinstance(v, list):
            return [self.norm(x, key) for x in v]
        if isinstance(v, str):
            return self.text(v)
        return v

    def body(self, r):
        if not r.content:
            return None
        try:
            return self.norm(r.json())
        except ValueError:
            return "<" + r.headers.get("Content-Type", "").split(";")[0] + ">"

    # --- a case
    def ask(self, case, method, path, body=None, token="admin", headers=None, data=None, keep="body", head=(), key=None):
        """keep: body | keys (count and natural keys of a list) | options | status | shape (top-level keys) ; key: natural key field of keys"""
        assert case not in self.results, case
        r = self.raw(method, path, body, token, headers, data)
        got = {"status": r.status_code}
        for h in head:
            v = r.headers.get(h)
            if h == "ETag" and v:
                v = re.sub(STAMP, "<stamp>", v)
            got[h] = self.text(v) if v else v
        if keep == "keys" and r.status_code == 200:
            d = r.json()
            got["count"] = d["count"]
            got["next"] = self.text(d["next"]) if d["next"] else None
            got["previous"] = self.text(d["previous"]) if d["previous"] else None
            got["keys"] = [(self.key(x) if not key else x.get(key)) for x in d["results"]]
        elif keep == "shape" and r.status_code == 200:
            d = r.json()
            got["shape"] = sorted(d) if isinstance(d, dict) else type(d).__name__
        elif keep == "options" and r.status_code == 200:
            d = r.json()
            got["body"] = {k: d.get(k) for k in ("name", "renders", "parses")}
            got["body"]["actions"] = {m: {n: {k: x[k] for k in ("type", "required", "read_only", "choices") if k in x} for n, x in fs.items()} for m, fs in d.get("actions", {}).items()}
        elif keep != "status":
            got["body"] = self.body(r)
        self.results[case] = got
        return r

    def key(self, x):
        for k in ("job_id", "replication_id", "name", "display"):
            if k in x:
                ep = x.get("endpoint")
                return f"{x[k]}@{ep['name']}" if isinstance(ep, dict) else x[k]
        return x.get("id")


P = "/api/plugins/proxbox/"
ROUTINES, REPLS = P + "backup-routines/", P + "replications/"
EP, NODES, STORAGE = P + "endpoints/proxmox/", P + "proxmox-nodes/", P + "storage/"
VMS, CLUSTERS, TAGS = "/api/virtualization/virtual-machines/", "/api/virtualization/clusters/", "/api/extras/tags/"


def prerequisites_netbox(s):
    ct = next((x for x in s.all("/api/virtualization/cluster-types/") if x["slug"] == "proxmox"), None) or \
        s.must("POST", "/api/virtualization/cluster-types/", {"name": "Proxmox", "slug": "proxmox"})
    return {"cluster": {"type": ct["id"]}, "endpoint": {"mode": "cluster"}, "vm": {"status": "active"}}


def prerequisites_proxops(s):
    return {"cluster": {}, "endpoint": {"poll_interval": 0}, "vm": {}}


ROUTINE_ROWS = [  # job_id, endpoint, values
    ("job-1", "prod-proxmox", {"enabled": True, "schedule": "0 2 * * *", "next_run": "2026-04-02T02:00:00Z", "node": "pve-node-01", "storage": "backup-storage", "selection": [100, 101, 102],
                               "comment": "nightly VM backups", "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 3, "raw_config": {"compress": "zstd", "mode": "snapshot"}}),
    ("job-2", "prod-proxmox", {"enabled": False, "schedule": "sat 18:15", "selection": [100], "comment": "Weekly ünïcödé 日本", "keep_last": 3, "bwlimit": 51200, "zstd": 0, "io_workers": 16}),
    ("job-3", "prod-proxmox", {"enabled": True, "schedule": "*/15", "storage": "pbs-main", "selection": [103], "status": "stale", "keep_last": 0, "keep_all": True}),
    ("job-10", "prod-proxmox", {"enabled": True, "schedule": "monthly", "node": "pve-node-02", "selection": [104], "keep_monthly": 12, "keep_yearly": 2, "notes_template": "{{guestname}}"}),
    ("JOB-1", "prod-proxmox", {"enabled": True, "schedule": "", "selection": [1], "comment": "case twin"}),
    ("backup-0d5a6f1c-9e3b", "prod-proxmox", {"schedule": "mon..fri 21:00", "selection": [105, 106], "storage": "backup-storage", "fleecing": "enabled=1,storage=local-lvm", "fleecing_storage": "pbs-main", "repeat_missed": True, "pbs_change_detection_mode": "metadata"}),
    ("job_%", "prod-proxmox", {"selection": [7], "comment": "100% like_wild"}),
    ("job-1", "lab", {"enabled": True, "schedule": "daily", "selection": [100], "comment": "nightly lab", "keep_daily": 7, "node": "lab-node"}),
    ("job-2", "lab", {"enabled": False, "selection": [200], "status": "stale", "keep_daily": 14}),
    ("job-4", "lab", {"enabled": True, "selection": [201], "next_run": "2026-12-01T00:00:00Z", "keep_weekly": 4}),
    ("b5a9bd380e796234b64da00dbb59c5ea187bd8fc:1", "lab", {"enabled": True, "schedule": "sat 21:30", "selection": [202], "storage": "lab-store"}),
    ("job-5", "lab", {"enabled": True, "selection": [203], "comment": "quote \" <b>markup</b> & 'x'", "keep_last": 2147483647}),
]
REPL_ROWS = [
    ("100-0", "prod-proxmox", {"virtual_machine": "web-server-01", "proxmox_node": "pve-node-01", "guest": 100, "target": "pve-node-02", "schedule": "*/15", "comment": "HA replication", "source": "pve-node-01", "jobnum": 0, "raw_config": {"type": "local"}}),
    ("100-1", "prod-proxmox", {"virtual_machine": "web-server-01", "guest": 100, "target": "pve-node-03", "schedule": "*/5", "rate": 12.5, "disable": True, "source": "pve-node-01", "jobnum": 1}),
    ("101-0", "prod-proxmox", {"virtual_machine": "db-01", "proxmox_node": "pve-node-02", "guest": 101, "target": "pve-node-01", "source": "pve-node-02", "jobnum": 0, "remove_job": "full"}),
    ("101-10", "prod-proxmox", {"virtual_machine": "db-01", "guest": 101, "target": "pve-node-03", "jobnum": 10, "remove_job": "local", "comment": "two digits"}),
    ("101-2", "prod-proxmox", {"virtual_machine": "db-01", "guest": 101, "target": "pve-node-03", "jobnum": 2, "status": "stale"}),
    ("100-0", "lab", {"virtual_machine": "lab-vm", "proxmox_node": "lab-node", "guest": 100, "target": "lab-b", "schedule": "mon..fri 21:00", "rate": 1, "jobnum": 0}),
    ("102-0", "lab", {"virtual_machine": "lab-vm", "guest": 102, "target": "lab-b", "jobnum": 0, "source": "", "comment": ""}),
    ("103-0", "lab", {"virtual_machine": "ünïcödé-vm", "guest": 103, "target": "LAB-B", "jobnum": 0, "comment": "HA Replication upper"}),
    ("103-999999999", "lab", {"virtual_machine": "ünïcödé-vm", "guest": 103, "target": "lab-b", "jobnum": 999999999, "disable": True}),
]


def seed(s):
    pre = (prerequisites_netbox if s.dialect == "netbox" else prerequisites_proxops)(s)
    for path in (ROUTINES, REPLS):
        ids = [{"id": x["id"]} for x in s.all(path)]
        if ids:
            s.must("DELETE", path, ids)
    have = {}

    def ensure(path, key, value, extra, symbol=None, match=None):
        if path not in have:
            have[path] = s.all(path)
        o = next((x for x in have[path] if x.get(key) == value and (match is None or match(x))), None)
        if o is None:
            o = s.must("POST", path, {key: value, **extra})
        return s.name(path, o, symbol or f"{path.rstrip('/').split('/')[-1]}:{value}")

    clusters = {n: ensure(CLUSTERS, "name", n, pre["cluster"]) for n in ("prod-cluster", "lab-cluster")}
    eps = {n: ensure(EP, "name", n, {"domain": d, "enabled": False, **pre["endpoint"]}) for n, d in (("prod-proxmox", "proxmox.example.com"), ("lab", "lab.example.com"))}
    nodes = {n: ensure(NODES, "name", n, {"endpoint": eps[e]["id"], "ip_address": ip, "node_id": i, "online": True})
             for n, e, ip, i in (("pve-node-01", "prod-proxmox", "192.0.2.11", 1), ("pve-node-02", "prod-proxmox", "192.0.2.12", 2), ("lab-node", "lab", "192.0.2.21", 1))}
    stores = {n: ensure(STORAGE, "name", n, {"cluster": clusters[c]["id"], "storage_type": t, "content": "backup"})
              for n, c, t in (("backup-storage", "prod-cluster", "nfs"), ("pbs-main", "prod-cluster", "pbs"), ("lab-store", "lab-cluster", "dir"))}
    vms = {n: ensure(VMS, "name", n, {"cluster": clusters[c]["id"], **pre["vm"]}) for n, c in (("web-server-01", "prod-cluster"), ("db-01", "prod-cluster"), ("lab-vm", "lab-cluster"), ("ünïcödé-vm", "lab-cluster"))}
    tags = {n: ensure(TAGS, "slug", n, {"name": n.capitalize(), "color": "aa1409"}) for n in ("alpha", "beta", "gamma")}
    types = ["netbox_proxbox.backuproutine", "netbox_proxbox.replication"]
    CF, CS = "/api/extras/custom-fields/", "/api/extras/custom-field-choice-sets/"
    cs = ensure(CS, "name", "Tiers", {"extra_choices": [["gold", "Gold"], ["iron", "Iron"]]})
    for n, t, x in (("owner", "text", {}), ("rank", "integer", {}), ("critical", "boolean", {}), ("tier", "select", {"choice_set": cs["id"]}), ("review", "date", {})):
        ensure(CF, "name", n, {"object_types": types, "type": t, **x})
    ref = {"node": nodes, "storage": stores, "fleecing_storage": stores, "virtual_machine": vms, "proxmox_node": nodes}
    extra = {"job-1@prod-proxmox": {"tags": [tags["alpha"]["id"], tags["beta"]["id"]], "custom_fields": {"owner": "Anna", "rank": 3, "critical": True, "tier": "gold", "review": "2026-05-01"}},
             "job-2@prod-proxmox": {"tags": [tags["beta"]["id"]], "custom_fields": {"owner": "bob", "rank": -1, "critical": False, "tier": "iron"}},
             "100-0@prod-proxmox": {"tags": [tags["alpha"]["id"]], "custom_fields": {"owner": "Anna"}}}
    rows = {}
    for path, key, table in ((ROUTINES, "job_id", ROUTINE_ROWS), (REPLS, "replication_id", REPL_ROWS)):
        for k, e, v in table:
            v = {f: (ref[f][x]["id"] if f in ref else x) for f, x in v.items()}
            o = s.must("POST", path, {key: k, "endpoint": eps[e]["id"], **v, **extra.get(f"{k}@{e}", {})})
            rows[(path, k, e)] = s.name(path, o, f"{k}@{e}")
    return {"ep": eps, "node": nodes, "storage": stores, "vm": vms, "tag": tags, "cluster": clusters, "row": rows}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--base", required=True)
    ap.add_argument("--token", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--dialect", default="proxops", choices=["netbox", "proxops"])
    ap.add_argument("--only", default="")
    a = ap.parse_args()
    import cases_read, cases_auth, cases_write
    s = Server(a.base, a.token, a.dialect)
    f = seed(s)
    for m in (cases_read, cases_auth, cases_write):
        if not a.only or a.only in m.__name__:
            m.run(s, f)
    json.dump(s.results, open(a.out, "w"), indent=1, ensure_ascii=False)
    print(f"{len(s.results)} cases recorded")


if __name__ == "__main__":
    main()
