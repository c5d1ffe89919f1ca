"""Sidero's metadata server: which machine configuration a server gets.

Sidero v0.6.13, `internal/metadata/metadata_server.go`. The order: bootstrap data; the ServerClass'
configPatches, then its strategicPatches; the Server's configPatches, then its strategicPatches; the
node label; since v0.6.12 three documents more, for which the whole configuration is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from lab.documents import as_mapping, as_sequence
from lab.patching import (
    Document,
    PatchError,
    apply_json_patch,
    load_documents,
    merge_documents,
)

__all__ = ["MetadataBuilder", "machinery_minor"]

_EXTRA_DOCUMENTS_SINCE = (0, 6, 12)
_MACHINERY = {(0, 6, 13): 13, (0, 6, 12): 12}
_OLDEST_MACHINERY = 11


def machinery_minor(sidero: str) -> int:
    """Return the minor version of the Talos machinery inside a Sidero release."""
    return _MACHINERY.get(_numbers(sidero), _OLDEST_MACHINERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataBuilder:
    """Builds configurations for one Sidero release whose API is at `host:port`."""

    sidero: str
    api: str
    siderolink_address: str

    def build(
        self,
        uuid: str,
        bootstrap: str,
        server_class: Mapping[str, object],
        server: Mapping[str, object],
    ) -> str:
        """Return the configuration of a server; `server_class` and `server` are their specs.

        Raises:
            PatchError: A patch fails, or the result has a kind the machinery does not know.
        """
        minor = machinery_minor(self.sidero)
        documents: list[Document] = list(yaml.safe_load_all(bootstrap))
        for spec in (server_class, server):
            operations = as_sequence(spec.get("configPatches"))
            if operations:
                documents = apply_json_patch(documents, [as_mapping(item) for item in operations])
            for patch in as_sequence(spec.get("strategicPatches")):
                documents = merge_documents(documents, load_documents(str(patch), minor=minor))
        documents = _with_label(documents, uuid)
        if _numbers(self.sidero) >= _EXTRA_DOCUMENTS_SINCE:
            load_documents(yaml.safe_dump_all(documents), minor=minor)
            documents = merge_documents(documents, self._extra_documents())
        return yaml.safe_dump_all(documents, sort_keys=False)

    def _extra_documents(self) -> list[Document]:
        address = f"[{self.siderolink_address}]"
        link: Document = {"kind": "SideroLinkConfig", "apiUrl": f"grpc://{self.api}"}
        events: Document = {"kind": "EventSinkConfig", "endpoint": f"{address}:4002"}
        log: Document = {
            "kind": "KmsgLogConfig",
            "name": "remote-log",
            "url": f"tcp://{address}:4001",
        }
        return [{"apiVersion": "v1alpha1", **document} for document in (link, events, log)]


def _with_label(documents: Sequence[Document], uuid: str) -> list[Document]:
    """Add the node label to the kubelet's arguments."""
    label = f"metal.sidero.dev/uuid={uuid}"
    found = next((item for item in documents if "kind" not in item), None)
    if found is None:
        raise PatchError("no v1alpha1 configuration")
    kubelet = as_mapping(as_mapping(found.get("machine")).get("kubelet"))
    labels = as_mapping(kubelet.get("extraArgs")).get("node-labels")
    value = f"{labels},{label}" if labels else label
    patch: Document = {"machine": {"kubelet": {"extraArgs": {"node-labels": value}}}}
    return merge_documents(documents, [patch])


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.removeprefix("v").split(".")
    return int(major), int(minor), int(patch)
