"""A site that nodes and transfers need passwords for: in files, then in a cluster, to its end.

Both its objects and its secrets are told of by tests: every command ran once for all of them.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.auth import BasicAuth
from tests.engine.kubernetes_provider.cluster import Cluster
from tests.engine.kubernetes_provider.installation import install_sidero
from tests.engine.result import Json, Result, State
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

__all__ = [
    "MARKS",
    "NODE_PASSWORD",
    "TRANSFER_PASSWORD",
    "Delivery",
    "connect_with_secrets",
    "deliver",
    "log_in",
]

TRANSFER_PASSWORD = "MARKED-TRANSFER-PASSWORD"
WRONG_PASSWORD = "MARKED-WRONG-PASSWORD"
NODE_PASSWORD = "MARKED-NODE-PASSWORD"
TOKEN = "MARKED-CLUSTER-TOKEN"
MARKS = (TRANSFER_PASSWORD, WRONG_PASSWORD, NODE_PASSWORD, TOKEN)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the commands did, in their order."""

    site: PracticeSite
    written: dict[str, str]  # files of `files` delivery
    preview: Result
    up: Result
    objects: dict[str, Json]
    again: Result
    state: State
    refused: Result
    update: Result
    objects_updated: dict[str, Json]
    fork: Result
    objects_of_fork: dict[str, Json]
    to_files: Result
    objects_beside_files: dict[str, Json]
    destroy: Result
    objects_left: dict[str, Json]
    texts: dict[str, str]  # all that was printed, logged, recorded or written on the way


@contextmanager
def deliver(directory: Path, engine: Path, outside: Outside) -> Iterator[Delivery]:
    """Run the commands."""
    auth = BasicAuth({"transfer": TRANSFER_PASSWORD, "node": NODE_PASSWORD})
    with open_site(directory, engine, outside, "airgap-basic", auth=auth) as site:
        cluster = connect_with_secrets(site)
        log_in(site, TRANSFER_PASSWORD)
        value = copy.deepcopy(site.value)
        value["registry"]["nodeAuth"] = "machineConfig"
        site.change(value, relock=False)
        site.workspace.up()
        texts = _collect(site)
        written = {name: text for name, text in texts.items() if name.startswith("out/")}
        value["sidero"]["delivery"] = "cluster"
        site.change(value, relock=False)
        preview = site.workspace.preview("--json")
        up = site.workspace.up()
        objects = _objects(cluster)
        again = site.workspace.up()
        state = site.workspace.export()
        log_in(site, WRONG_PASSWORD)
        refused = site.workspace.refresh(exit_code=None)
        log_in(site, TRANSFER_PASSWORD)
        value["talos"]["versions"] = ["v1.11.6"]
        value["environments"][0]["talos"] = "v1.11.6"
        site.change(value)
        update = site.workspace.up()
        objects_updated = _objects(cluster)
        value["sidero"]["flavour"] = "airgap"
        site.change(value, relock=False)
        fork = site.workspace.up()
        objects_of_fork = _objects(cluster)
        value["sidero"]["delivery"] = "files"
        site.change(value, relock=False)
        to_files = site.workspace.up()
        objects_beside_files = _objects(cluster)
        value["sidero"]["delivery"] = "cluster"
        site.change(value, relock=False)
        site.workspace.up()
        texts |= _collect(site)
        destroy = site.workspace.destroy()
        yield Delivery(
            site=site,
            written=written,
            preview=preview,
            up=up,
            objects=objects,
            again=again,
            state=state,
            refused=refused,
            update=update,
            objects_updated=objects_updated,
            fork=fork,
            objects_of_fork=objects_of_fork,
            to_files=to_files,
            objects_beside_files=objects_beside_files,
            destroy=destroy,
            objects_left=_objects(cluster),
            texts=texts | _collect(site),
        )


def connect_with_secrets(site: PracticeSite) -> Cluster:
    cluster = site.workspace.connect_cluster()
    install_sidero(cluster)
    kubeconfig = json.loads(cluster.kubeconfig())
    kubeconfig["users"][0]["user"] = {"token": TOKEN}
    credentials = {site.registry.host: {"username": "node", "password": NODE_PASSWORD}}
    site.workspace.set_secrets(
        kubeconfig=json.dumps(kubeconfig), credentials=json.dumps(credentials)
    )
    return cluster


def log_in(site: PracticeSite, password: str) -> None:
    """Do what `docker login` does."""
    config = site.workspace.home / ".docker" / "config.json"
    config.parent.mkdir(exist_ok=True)
    auth = base64.b64encode(f"transfer:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {site.registry.host: {"auth": auth}}}))


def _objects(cluster: Cluster) -> dict[str, Json]:
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in cluster.objects()}


def _collect(site: PracticeSite) -> dict[str, str]:
    """Return every text of the project, of the engine's home and state, by its name.

    Left out is where secrets belong: the cluster, Docker's configuration; and blobs, which are
    upstream's.
    """
    found = {}
    for root in (site.workspace.directory, site.workspace.home):
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not name.startswith(("cluster/", ".docker/", "store/blobs/")):
                found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found
