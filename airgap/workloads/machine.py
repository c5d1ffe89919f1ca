"""Images in Talos machine configuration: documents, strategic merge patches and JSON patches.

Field names of v1alpha1 as of Talos 1.9 to 1.13 (pkg/machinery/config/types/v1alpha1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from airgap.workloads.fields import find_at, parse_path
from airgap.workloads.places import Finding, Found, Plain, Unseen, mappings
from airgap.workloads.pods import find_in_pods

__all__ = ["find_in_machine_config", "is_machine_config", "merged_patch"]

_IMAGES = tuple(
    map(
        parse_path,
        (
            "machine.install.image",
            "machine.install.extensions[].image",
            "machine.kubelet.image",
            "cluster.apiServer.image",
            "cluster.controllerManager.image",
            "cluster.scheduler.image",
            "cluster.proxy.image",
            "cluster.etcd.image",
            "cluster.coreDNS.image",
        ),
    )
)
_FETCHED = tuple(
    map(
        parse_path,
        (
            "cluster.extraManifests[]",
            "cluster.network.cni.urls[]",
            "cluster.externalCloudProvider.manifests[]",
        ),
    )
)
_INLINE = parse_path("cluster.inlineManifests")

FindInText = Callable[[str], Iterator[Finding]]


def is_machine_config(document: Plain) -> bool:
    """Tell whether a document is Talos machine configuration of v1alpha1, or a patch of it."""
    return "kind" not in document and ("machine" in document or "cluster" in document)


def find_in_machine_config(document: Plain, find_in_text: FindInText) -> Iterator[Finding]:
    """Yield the images of a machine configuration.

    Args:
        document: The v1alpha1 document, or a part of it.
        find_in_text: Finds the images of manifests that stand in it as text.
    """
    for steps in _IMAGES:
        for path, value in find_at(document, steps):
            if isinstance(value, str) and value:
                yield Found(path=path, name=value)
    for path, pods in find_at(document, ("machine", "pods")):
        for found in find_in_pods(pods):
            yield replace(found, path=f"{path}{found.path}")
    for path, value in find_at(document, _INLINE):
        for index, manifest in mappings(value):
            contents = manifest.get("contents")
            step = f"{path}[{index}] {manifest.get('name', '')}".rstrip()
            for inner in find_in_text(contents) if isinstance(contents, str) else ():
                yield replace(inner, steps=(step, *inner.steps))
    for steps in _FETCHED:
        for path, value in find_at(document, steps):
            yield Unseen(path=path, message=f"machines fetch {value}")


def merged_patch(operations: object) -> Plain:
    """Return what JSON patches set, as a part of a document; what they remove is left out.

    Where a list is added to, its index is a key of a list here: paths stay readable.
    """
    document: dict[str, object] = {}
    for _, operation in mappings(operations):
        steps = _pointer(operation.get("path"))
        if operation.get("op") in ("add", "replace") and steps:
            _set(document, steps, operation.get("value"))
    return document


def _pointer(text: object) -> tuple[str, ...]:
    """Return the steps of a JSON pointer (RFC 6901)."""
    if not isinstance(text, str) or not text.startswith("/"):
        return ()
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def _set(document: dict[str, object], steps: tuple[str, ...], value: object) -> None:
    node = document
    for place, step in enumerate(steps[:-1]):
        if steps[place + 1] == "-" or steps[place + 1].isdigit():
            items = node.setdefault(step, [])
            if isinstance(items, list) and place + 2 == len(steps):
                items.append(value)
            return
        below = node.setdefault(step, {})
        if not isinstance(below, dict):
            return
        node = below
    node[steps[-1]] = value
