"""Images of one object: by its kind, by the shape of what it holds, by the fields a site names.

And the hosts that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from airgap.workloads.documents import Document, read_documents
from airgap.workloads.fields import Field, find_at, find_field
from airgap.workloads.hosts import find_hosts
from airgap.workloads.known import (
    RENDERED_INSIDE,
    json_patches_of,
    known_fields_of,
    strategic_patches_of,
)
from airgap.workloads.machine import find_in_machine_config, is_machine_config, merged_patches
from airgap.workloads.places import Finding, Found, Host, Plain, Problem, Unseen, is_mapping
from airgap.workloads.pods import find_in_data, find_in_pods

__all__ = ["MACHINE_CONFIG", "Object", "find_in_object", "find_in_text", "flatten"]

MACHINE_CONFIG = "machine configuration"
_MAX_LISTS = 20
_PARAMETER = ("{{", "$(")
_RUNS_WITH_PARAMETERS = frozenset({"argoproj.io", "tekton.dev"})
_BUILD = "give its output: kubectl kustomize … > file"
_CHART = "give what is rendered: helm template … > file"
_INLINE = frozenset({"inlineManifests"})
_PATCHES = frozenset({"strategicPatches", "configPatches"})
"""What is text or a patch of its own, and is read as that."""
_EXPECTED = "expected Kubernetes manifests, or Talos machine configuration"


class Object:
    """A Kubernetes object, or Talos machine configuration: what it is called, what it holds."""

    def __init__(self, value: Plain) -> None:
        self.value = value
        self.kind = str(value.get("kind") or "")
        self.group = str(value.get("apiVersion") or "").rpartition("/")[0]

    def __str__(self) -> str:
        """Return `Kind namespace/name`, as people call it."""
        metadata = self.value.get("metadata")
        if not self.kind or not is_mapping(metadata):
            return self.kind or MACHINE_CONFIG
        name = metadata.get("name") or f"{metadata.get('generateName') or ''}*"
        namespace = metadata.get("namespace")
        return f"{self.kind} {namespace}/{name}" if namespace else f"{self.kind} {name}"


def flatten(value: object, depth: int = 0) -> Iterator[Object | Problem]:
    """Yield the objects of a document: those of a List, else its own."""
    if isinstance(value, list):  # JSON patches of a machine configuration
        yield from map(Object, merged_patches(value))
    elif not is_mapping(value):
        yield Problem(path="", message="is no object", hint=_EXPECTED)
    elif is_machine_config(value):
        yield Object(value)
    elif not value.get("kind") or (value.get("kind") == "Kustomization" and _is_source(value)):
        yield Problem(path="", message="is no object: it has no kind", hint=_hint(value))
    elif str(value["kind"]).endswith("List") and isinstance(value.get("items"), list):
        yield from _items(value, depth)
    else:
        yield Object(value)


def _items(value: Plain, depth: int) -> Iterator[Object | Problem]:
    """Yield the objects of a List; items of a typed list do not repeat their kind."""
    if depth > _MAX_LISTS:
        yield Problem(path="", message="has lists of lists of lists", hint=_EXPECTED)
        return
    own = {"kind": str(value["kind"]).removesuffix("List"), "apiVersion": value.get("apiVersion")}
    items = value["items"]
    for item in items if isinstance(items, list) else ():
        whole = {**own, **item} if own["kind"] and is_mapping(item) else item
        yield from flatten(whole, depth + 1)


def _is_source(value: Plain) -> bool:
    return str(value.get("apiVersion", "")).startswith("kustomize.config.k8s.io/")


def _hint(value: Plain) -> str:
    if _is_source(value) or "resources" in value or "kustomize" in value:
        return _BUILD
    return _CHART if "image" in value or "appVersion" in value else _EXPECTED


def find_in_object(item: Object, own: Sequence[Field] = ()) -> Iterator[Finding]:
    """Yield the images and hosts of an object, each place once.

    Args:
        item: The object.
        own: Fields that the site names, beyond the known ones.
    """
    seen: set[tuple[type[Finding], tuple[str, ...], str, str]] = set()
    for finding in _find(item, own):
        name = finding.name if isinstance(finding, Found | Host) else ""
        place = (type(finding), finding.steps, finding.path, name)
        if place not in seen:
            seen.add(place)
            yield _as_parameter(item, finding)


def _as_parameter(item: Object, finding: Finding) -> Finding:
    """Return an image that a run decides, of kinds that are run with parameters, as unseen."""
    if item.group not in _RUNS_WITH_PARAMETERS or not isinstance(finding, Found):
        return finding
    if not any(mark in finding.name for mark in _PARAMETER):
        return finding
    message = f"{finding.name} shows when it runs"
    return Unseen(path=finding.path, message=message, steps=finding.steps)


def _find(item: Object, own: Sequence[Field]) -> Iterator[Finding]:
    unread = _INLINE if not item.kind else _PATCHES if _has_patches(item) else frozenset[str]()
    yield from find_hosts(item.value, kind=item.kind, group=item.group, unread=unread)
    if not item.kind:
        yield from find_in_machine_config(item.value, lambda text: find_in_text(text, own))
        return
    named = [field for field in own if field.is_of(item.kind, item.group)]
    for field in (*named, *known_fields_of(item.kind, item.group)):
        yield from find_field(item.value, field)
    yield from find_in_pods(item.value)
    if item.kind == "ConfigMap":
        yield from find_in_data(item.value.get("data"))
    yield from _machine_patches(item, own)
    if reason := RENDERED_INSIDE.get((item.group, item.kind)):
        yield Unseen(path="spec", message=reason)


def _has_patches(item: Object) -> bool:
    return bool(strategic_patches_of(item.kind, item.group))


def _machine_patches(item: Object, own: Sequence[Field]) -> Iterator[Finding]:
    """Yield the images in patches of machine configuration that an object carries."""
    for field in strategic_patches_of(item.kind, item.group):
        for path, text in find_at(item.value, field.steps):
            for inner in find_in_text(text, own) if isinstance(text, str) else ():
                yield replace(inner, steps=(path, *inner.steps))
    for field in json_patches_of(item.kind, item.group):
        for path, operations in find_at(item.value, field.steps):
            for part in map(Object, merged_patches(operations)):
                for inner in find_in_object(part, own):
                    yield replace(inner, steps=(path, *inner.steps))


def find_in_text(text: str, own: Sequence[Field] = ()) -> Iterator[Finding]:
    """Yield the images and hosts of manifests or machine configuration, with each one's object."""
    for document in read_documents(text):
        if isinstance(document, Problem):
            yield document
            continue
        yield from _find_in_document(document, own)


def _find_in_document(document: Document, own: Sequence[Field]) -> Iterator[Finding]:
    for item in flatten(document.value):
        if isinstance(item, Problem):
            yield replace(item, path=item.path or f"line {document.line}")
            continue
        for finding in find_in_object(item, own):
            yield replace(finding, steps=(str(item), *finding.steps))
