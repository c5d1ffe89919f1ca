"""A real Kubernetes API: kube-apiserver over etcd on loopback, with no controllers and no nodes."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from airgap.sidero import GROUP, VERSION
from tests.peers.certificates import Certificates
from tests.peers.processes import bare_environment, free_port, serving
from tools.peers import Peers

__all__ = [
    "Kubernetes",
    "Object",
    "RefusedError",
    "find_lost",
    "serve_kubernetes",
]

Object = Mapping[str, object]

_TOKEN = "of-this-test-alone"
_READY_S = 180.0
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


class RefusedError(Exception):
    """The API server refused; the text is its status and its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """An API server that runs, asked as its administrator.

    Every request that writes has `fieldValidation=Strict` unless it says otherwise: kubectl's
    default. With `dry_run` the server does everything but keep the object. Methods return the
    object as the server has it, and raise `RefusedError`.
    """

    client: httpx.Client

    def create(self, item: Object, *, dry_run: bool = False, validation: str = "Strict") -> Object:
        """Create an object, as another manager of fields than `apply`."""
        params = {**_params("sidero", dry_run=dry_run), "fieldValidation": validation}
        content = json.dumps(item)
        return self._ask("POST", self._collection(item), params, "application/json", content)

    def apply(self, item: Object, *, dry_run: bool = False, force: bool = False) -> Object:
        """Apply an object, or those of its fields that are ours, on the server's side."""
        params = {**_params("sidero-airgap", dry_run=dry_run), "force": json.dumps(force)}
        content = yaml.safe_dump(item)
        return self._ask("PATCH", self._path(item), params, "application/apply-patch+yaml", content)

    def merge(self, item: Object, patch: Object, *, dry_run: bool = False) -> Object:
        """Change an object as ``kubectl patch --type merge`` does."""
        params = _params("kubectl-patch", dry_run=dry_run)
        return self._ask("PATCH", self._path(item), params, _MERGE, json.dumps(patch))

    def merge_strategically(self, item: Object, patch: Object, *, dry_run: bool = False) -> Object:
        """Change an object as ``kubectl patch`` does: lists of a known kind merge by their key."""
        params = _params("kubectl-patch", dry_run=dry_run)
        return self._ask("PATCH", self._path(item), params, _STRATEGIC, json.dumps(patch))

    def read(self, item: Object) -> Object:
        """Return the object of that kind and name."""
        return self._ask("GET", self._path(item))

    def delete_all(self, item: Object) -> None:
        """Delete every object of a kind, and of a namespace."""
        self._ask("DELETE", self._collection(item))

    def _path(self, item: Object) -> str:
        return f"{self._collection(item)}/{_metadata(item)['name']}"

    def _collection(self, item: Object) -> str:
        """Return where objects of a kind are, as the server's discovery says."""
        version = str(item["apiVersion"])
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        resources = self._ask("GET", root)["resources"]
        assert isinstance(resources, list)
        (found,) = (
            each
            for each in resources
            if each["kind"] == item["kind"] and "/" not in each["name"]  # no subresource
        )
        inside = f"/namespaces/{_metadata(item)['namespace']}" if found["namespaced"] else ""
        return f"{root}{inside}/{found['name']}"

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        media_type: str = "",
        content: str | None = None,
    ) -> Object:
        headers = {"Content-Type": media_type} if media_type else {}
        answer = self.client.request(method, path, params=params, headers=headers, content=content)
        found: dict[str, object] = answer.json()
        if answer.is_error:
            raise RefusedError(f"{answer.status_code}: {found.get('message')}")
        return found


@contextmanager
def serve_kubernetes(
    peers: Peers, certificates: Certificates, folder: Path, definitions: Sequence[Object]
) -> Iterator[Kubernetes]:
    """Run an API server that knows these definitions, with all its files in `folder`.

    Raises:
        ServerError: A program did not come up.
        RefusedError: The server did not take a definition.
    """
    folder.mkdir(parents=True)
    (folder / "tokens.csv").write_text(f'{_TOKEN},admin,1,"system:masters"\n')
    trust = ssl.create_default_context(cafile=str(certificates.authority))
    with (
        serving(
            lambda port: _etcd(peers, folder, port), folder / "etcd.log", bare_environment()
        ) as etcd,
        serving(
            lambda port: _kube_apiserver(peers, certificates, folder, etcd, port),
            folder / "kube-apiserver.log",
            bare_environment(),
        ) as port,
        httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=trust,
            headers={"Authorization": f"Bearer {_TOKEN}"},
            trust_env=False,
            timeout=60,
        ) as client,
    ):
        _await(lambda: client.get("/readyz").is_success)
        kubernetes = Kubernetes(client=client)
        for item in definitions:
            _install(kubernetes, item)
        yield kubernetes


def find_lost(sent: object, kept: object, at: str = "") -> list[str]:
    """Return the paths of what was sent and is not there, or is something else."""
    if isinstance(sent, Mapping) and isinstance(kept, Mapping):
        return [
            path
            for key, value in sent.items()
            for path in find_lost(value, kept.get(key), f"{at}.{key}")
        ]
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        return [
            path
            for index, (value, other) in enumerate(zip(sent, kept, strict=True))
            for path in find_lost(value, other, f"{at}[{index}]")
        ]
    return [] if sent == kept else [at]


def _etcd(peers: Peers, folder: Path, port: int) -> list[str]:
    clients, members = (f"http://127.0.0.1:{each}" for each in (port, free_port()))
    return [
        str(peers.path("etcd")),
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",  # nothing here outlives its process
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={members}",
        f"--initial-advertise-peer-urls={members}",
        f"--initial-cluster=default={members}",
    ]


def _kube_apiserver(
    peers: Peers, certificates: Certificates, folder: Path, etcd: int, port: int
) -> list[str]:
    return [
        str(peers.path("kube-apiserver")),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # loopback is no endpoint of a Service
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={certificates.chain}",
        f"--tls-private-key-file={certificates.key}",
        # A key is required; no service account signs in.
        f"--service-account-key-file={certificates.key}",
        f"--service-account-signing-key-file={certificates.key}",
        "--service-account-issuer=https://kubernetes.example",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--allow-privileged=true",  # as Talos and kubeadm start it
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
    ]


def _install(kubernetes: Kubernetes, item: Object) -> None:
    """Create a definition and wait until its kind is served."""
    kubernetes.create(item)
    _await(lambda: _is_served(kubernetes, item))


def _is_served(kubernetes: Kubernetes, item: Object) -> bool:
    conditions = _part(kubernetes.read(item), "status").get("conditions")  # null at first
    found = conditions if isinstance(conditions, list) else []
    if ("Established", "True") not in [(each["type"], each["status"]) for each in found]:
        return False
    kind = _part(_part(item, "spec"), "names")["kind"]
    try:  # deletes none, and tells that discovery and storage know the kind
        kubernetes.delete_all({"apiVersion": f"{GROUP}/{VERSION}", "kind": kind})
    except (RefusedError, ValueError):
        return False
    return True


def _await(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API server was not ready in {_READY_S:.0f} s")
        time.sleep(0.1)


def _params(manager: str, *, dry_run: bool) -> dict[str, str]:
    dry = {"dryRun": "All"} if dry_run else {}
    return {"fieldManager": manager, "fieldValidation": "Strict", **dry}


def _metadata(item: Object) -> Object:
    return _part(item, "metadata")


def _part(item: Object, key: str) -> Object:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}
