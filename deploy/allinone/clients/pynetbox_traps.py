"""What pynetbox 7.8 does with records that have a field called `endpoint`, and with lists of two path segments: its requests go to paths that
must be 404 and must touch nothing. Prints nothing and exits 0 if all is well. pynetbox_traps.py --base URL --token TOKEN --username NAME --password PASSWORD"""
import argparse
import sys

import pynetbox
import requests

wrong = []


def expect(what, ok, got=""):
    if not ok:
        wrong.append(f"{what}: {got}")


def refused(what, call, status=404):
    """The call must end in a RequestError with this status."""
    try:
        got = call()
    except pynetbox.RequestError as e:
        expect(what, e.req.status_code == status, f"{e.req.status_code} {e.req.request.method} {e.req.url}")
        return
    wrong.append(f"{what}: went through and returned {got!r}")


def main():
    ap = argparse.ArgumentParser()
    for x in ("base", "token", "username", "password"):
        ap.add_argument("--" + x, required=True)
    a = ap.parse_args()
    nb = pynetbox.api(a.base, token=a.token)
    routines, replications, nodes = nb.plugins.proxbox.backup_routines, nb.plugins.proxbox.replications, nb.plugins.proxbox.nodes
    endpoints = getattr(nb.plugins.proxbox, "endpoints/proxmox")

    endpoint = endpoints.create(name="traps", domain="traps.example.com", enabled=False, poll_interval=0)
    other = endpoints.create(name="traps-other", domain="traps-other.example.com", enabled=False, poll_interval=0)
    cluster = nb.virtualization.clusters.create(name="traps")
    vm = nb.virtualization.virtual_machines.create(name="traps-vm", cluster=cluster.id)
    routine = routines.create(endpoint=endpoint.id, job_id="traps-1", selection=[1], comment="before")
    # The routine gets the id of no endpoint, and then one that an endpoint has: the extra path segment must be refused either way.
    twin = routines.create(endpoint=endpoint.id, job_id="traps-2", selection=[1], comment="before")
    replication = replications.create(endpoint=endpoint.id, replication_id="900-0", virtual_machine=vm.id, guest=900, target="b", jobnum=0)
    before = {e.id: dict(endpoints.get(e.id)) for e in (endpoint, other)}

    for record in (routine, twin):
        record.comment = "astray"
        refused(f"save of {record.job_id}", record.save)
        refused(f"delete of {record.job_id}", record.delete)
    replication.comment = "astray"
    refused("save of a replication", replication.save)
    refused("delete of a replication", replication.delete)
    endpoint.name = "astray"
    refused("save of an endpoint", endpoint.save)
    refused("delete of an endpoint", endpoint.delete)

    for e in (endpoint, other):
        expect(f"endpoint {e.id} afterwards", dict(endpoints.get(e.id)) == before[e.id], dict(endpoints.get(e.id)))
    expect("the routines afterwards", [r.comment for r in routines.filter(job_id=["traps-1", "traps-2"])] == ["before"] * 2)
    expect("the replication afterwards", replications.get(replication_id="900-0").comment == "")

    # The ways that work.
    expect("update through the list", [r.comment for r in routines.update([{"id": routine.id, "comment": "after"}])] == ["after"])
    node = nodes.create(endpoint=endpoint.id, name="traps-node")
    expect("a node's url", "/api/plugins/proxbox/nodes/" in node.url, node.url)
    expect("a node is found under both paths", nb.plugins.proxbox.proxmox_nodes.get(node.id).name == "traps-node")
    expect("details of a nested object", routines.get(job_id="traps-1").endpoint.domain == "traps.example.com")

    # Nested JSON never becomes a record that pynetbox cannot build.
    raw = {"url": "not-an-address", "nested": [{"url": 5}]}
    routines.update([{"id": routine.id, "raw_config": {"href": "x", "list": [{"a": 1}]}}])
    expect("raw_config", dict(routines.get(routine.id))["raw_config"] == {"href": "x", "list": [{"a": 1}]})
    for value in (raw, {}):  # pynetbox itself cannot build a record of the first, so ask without it
        answer = requests.patch(f"{a.base}/api/plugins/proxbox/backup-routines/{routine.id}/", json={"raw_config": value}, headers={"Authorization": "Bearer " + a.token}, timeout=30)
        expect("raw_config is kept as it is", answer.status_code == 200 and answer.json()["raw_config"] == value, answer.text[:200])

    # Tokens are made with a password, shown once, and work.
    anonymous = pynetbox.api(a.base)
    made = anonymous.create_token(a.username, a.password)
    expect("a token made with a password", anonymous.plugins.proxbox.backup_routines.count(job_id="traps-1") == 1)
    expect("it can be found", nb.users.tokens.get(made.id).user.username == a.username)
    nb.users.tokens.get(made.id).delete()
    refused("a deleted token", lambda: anonymous.plugins.proxbox.backup_routines.count(), 403)

    expect("delete through the list", routines.delete([routine.id, twin.id]) and replications.delete([replication.id]))
    expect("nothing is left", routines.count(job_id=["traps-1", "traps-2"]) == 0)

    if wrong:
        print("\n".join(wrong))
        sys.exit(1)


if __name__ == "__main__":
    main()
