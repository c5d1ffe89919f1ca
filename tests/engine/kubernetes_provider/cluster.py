"""A cluster's objects as JSON files that tests can see, alter and delete.

`<directory>/<namespace, or _cluster>/<kind>.<group>/<name>.json`; the core group has no name.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cluster", "ClusterError", "Identity"]

Object = dict[str, Any]  # a Kubernetes object: its kind's business

CLUSTER_SCOPE = "_cluster"
DEFAULT_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
CORE_NAMESPACED = frozenset(
    {"ConfigMap", "Endpoints", "PersistentVolumeClaim", "Pod", "Secret", "Service"}
    | {"ServiceAccount"}
)


class ClusterError(Exception):
    """What the API server says when it refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one object from all others."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Identity":
        """Read the identity from an object, or from a resource's inputs."""
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace")
        if namespace is None and manifest["apiVersion"] == "v1":
            namespace = "default" if manifest["kind"] in CORE_NAMESPACED else None
        return cls(
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            name=metadata["name"],
            namespace=namespace,
        )

    @property
    def id(self) -> str:
        """The resource's ID in Pulumi's state."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def path(self) -> Path:
        group = self.api_version.rpartition("/")[0]
        kind = f"{self.kind}.{group}" if group else self.kind
        return Path(self.namespace or CLUSTER_SCOPE, kind, f"{self.name}.json")

    def __str__(self) -> str:
        return f'{self.kind} ({self.api_version}) "{self.id}"'


class Cluster:
    """The objects below one directory. Without the directory, the cluster is unreachable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def is_reachable(self) -> bool:
        return self.directory.is_dir()

    def kubeconfig(self) -> str:
        """Return a kubeconfig that leads the stand-in provider here."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"file://{self.directory}"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )

    def get(self, identity: Identity) -> Object | None:
        """Return the object, or None."""
        self._check_reachable()
        path = self.directory / identity.path
        if not path.exists():
            return None
        found: Object = json.loads(path.read_text(encoding="utf-8"))
        return found

    def put(self, manifest: Mapping[str, Any]) -> Object:
        """Store an object as the API server would, over what is there; return it as stored.

        Raises:
            ClusterError: its namespace does not exist.
        """
        identity = Identity.of(manifest)
        self._check_namespace(identity)
        before = self.get(identity)
        version = int(before["metadata"]["resourceVersion"]) + 1 if before else 1
        stored: Object = json.loads(json.dumps(manifest))
        stored["metadata"] |= {"uid": f"uid-of-{identity.id}", "resourceVersion": str(version)}
        if identity.namespace:
            stored["metadata"]["namespace"] = identity.namespace
        _encode_string_data(stored)
        path = self.directory / identity.path
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(stored, indent=2, sort_keys=True), encoding="utf-8")
        partial.replace(path)
        return stored

    def delete(self, identity: Identity) -> None:
        """Remove the object; one that is not there is no error."""
        self._check_reachable()
        (self.directory / identity.path).unlink(missing_ok=True)

    def objects(self) -> Iterator[Object]:
        """Yield every object, in the order of the paths."""
        for path in sorted(self.directory.rglob("*.json")):
            yield json.loads(path.read_text(encoding="utf-8"))

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise ClusterError(
                "configured Kubernetes cluster is unreachable: unable to load schema information "
                f"from the API server: no directory {os.fspath(self.directory)}"
            )

    def _check_namespace(self, identity: Identity) -> None:
        name = identity.namespace
        if name is None or name in DEFAULT_NAMESPACES:
            return
        namespace = Identity(api_version="v1", kind="Namespace", name=name)
        if self.get(namespace) is None:
            raise ClusterError(f'namespaces "{name}" not found')


def _encode_string_data(stored: Object) -> None:
    """Move a Secret's `stringData` to `data`: the API server never stores the former."""
    if stored["kind"] == "Secret" and stored["apiVersion"] == "v1":
        for key, text in stored.pop("stringData", {}).items():
            stored.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
