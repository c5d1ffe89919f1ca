"""Images in Talos machine configuration: documents, strategic merge patches and JSON patches.

Field names of v1alpha1 as of Talos 1.9 to 1.13 (pkg/machinery/config/types/v1alpha1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace

from airgap.workloads.fields import find_at, parse_path
from airgap.workloads.places import Finding, Found, Plain, Unseen, is_mapping, mappings
from airgap.workloads.pods import find_in_pods

__all__ = ["find_in_machine_config", "is_machine_config", "merged_patches"]

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
_MAX_GAP = 1000
"""How far behind a list's end an index is believed; one beyond stands that far behind."""

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


def merged_patches(operations: object) -> Iterator[Plain]:
    """Yield what JSON patches set, as parts of a document; what they remove is left out.

    A list is made where a step is an index, so that paths stay readable. What does not fit into
    the part so far, such as a key of a list, begins another part: nothing that is set is lost.
    """
    part: dict[str, object] = {}
    for _, operation in mappings(operations):
        if operation.get("op") not in ("add", "replace"):
            continue
        value = operation.get("value")
        if operation.get("path") == "":
            yield from (value,) if is_mapping(value) else ()
        elif (steps := _pointer(operation.get("path"))) and not _set(part, steps, value):
            yield part
            part = {}
            _set(part, steps, value)
    yield part


def _pointer(text: object) -> tuple[str, ...]:
    """Return the steps of a JSON pointer (RFC 6901)."""
    if not isinstance(text, str) or not text.startswith("/"):
        return ()
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def _set(part: dict[str, object], steps: tuple[str, ...], value: object) -> bool:
    """Set the value at the steps; tell whether that was possible. In an empty part it is."""
    node: object = part
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        made = value if following is None else [] if _is_index(following) else {}
        if isinstance(node, dict):
            if following is None or node.get(step) is None:
                node[step] = made
            below = copy(node[step])  # a value that was set is its operation's own
            node[step] = below
            node = below
        elif isinstance(node, list) and _is_index(step):
            node = _item(node, step, made, is_last=following is None)
        else:
            return False
    return True


def _is_index(step: str) -> bool:
    return step == "-" or (step.isdecimal() and step.isascii())


def _item(items: list[object], step: str, made: object, *, is_last: bool) -> object:
    """Return the item of a list at a step, made where there is none; the last step adds one."""
    index = len(items) if step == "-" else min(int(step[:9]), len(items) + _MAX_GAP)
    items.extend([None] * (index - len(items)))
    if index < len(items) and items[index] is None:
        items[index] = made
    elif is_last or index == len(items):
        items.insert(index, made)
    items[index] = copy(items[index])
    return items[index]
