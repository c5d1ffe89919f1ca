"""The picture's content: the site's parts, base and head in one, each with what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from airgap.report.changes import Changes
from airgap.report.contents import anchor
from airgap.report.model import Edge, Kind, Node, NodeKind, ObjectChange, Standing, Topology
from airgap.report.scene import Scene, host_of, part
from airgap.report.wording import count_words

__all__ = ["draw_topology"]


def draw_topology(changes: Changes) -> Topology:
    """Return nodes and edges, from upstream to the machines."""
    base, head = changes.base, changes.head
    told = {(change.kind, name): change for change in changes.objects for name in change.names}
    places = (
        *_upstream(changes),
        _store(changes),
        *_place(changes, "registry", "Registry", has_content=_has_images(changes)),
        *_place(changes, "assetMirror", "AssetMirror", has_content=bool(changes.assets)),
        *_place(changes, "imageFactory", "ImageFactory", has_content=bool(changes.schematics)),
    )
    nodes = (*places, *_below(base, head, told))
    return Topology(nodes=nodes, edges=tuple(_edges(base, head, {node.id for node in nodes})))


def _has_images(changes: Changes) -> bool:
    return bool(changes.images or changes.platforms)


def _standing(base: Scene, head: Scene, *, changed: bool) -> Standing:
    if base.is_there and head.is_there:
        return "changed" if changed else "same"
    return "added" if head.is_there else "removed" if base.is_there else "same"


def _upstream(changes: Changes) -> Iterator[Node]:
    base, head = changes.base, changes.head
    hosts = [scene.inputs("Registry").get("hosts") for scene in (base, head)]
    old, new = (list(each) if isinstance(each, list | tuple) else [] for each in hosts)
    is_redirected = any(key.path.startswith("upstream.") for key in changes.site_keys)
    yield Node(
        id="upstream",
        kind="upstream",
        name="Upstream",
        detail=count_words(len(new or old), "registry", "registries"),
        standing=_standing(base, head, changed=old != new or is_redirected),
        target="stack-file" if is_redirected else "images",
    )


def _store(changes: Changes) -> Node:
    base, head = changes.base, changes.head
    scene = head if head.is_there else base
    counts = f"{count_words(len(scene.images), 'image')}, {count_words(len(scene.assets), 'asset')}"
    return Node(
        id="store",
        kind="store",
        name="Store",
        detail=counts,
        standing=_standing(base, head, changed=_has_images(changes) or bool(changes.assets)),
        target="transfer",
    )


_NAMES = {"registry": "Registry", "assetMirror": "Asset mirror", "imageFactory": "Image Factory"}
_SECTIONS = {"registry": "images", "assetMirror": "assets", "imageFactory": "schematics"}


def _place(
    changes: Changes, kind: NodeKind, component: str, *, has_content: bool
) -> Iterator[Node]:
    base, head = changes.base, changes.head
    old, new = base.inputs(component), head.inputs(component)
    kinds = [values.get("kind") for values in (old, new)]
    if not any(each and each != "none" for each in kinds):
        return
    change = next((each for each in changes.objects if each.kind == kind), None)
    mirrors = list(changes.of_kind("mirror")) if kind == "registry" else []
    is_changed = bool(change or has_content or mirrors)
    standing = _standing(base, head, changed=is_changed)
    if standing in {"changed", "same"} and "none" in kinds:
        standing = "added" if kinds[0] == "none" else "removed"
    target = (
        change.id if change else _SECTIONS[kind] if has_content or not mirrors else mirrors[0].id
    )
    yield Node(
        id=kind,
        kind=kind,
        name=_NAMES[kind],
        detail=_where(new if new.get("kind") not in (None, "none") else old),
        standing=standing,
        target=target,
    )


def _where(values: object) -> str:
    inputs = values if isinstance(values, dict) else {}
    places = inputs.get("endpoints")
    first = places[0] if isinstance(places, Sequence) and places else {}
    url = (
        inputs.get("url")
        or inputs.get("endpoint")
        or (first.get("url") if isinstance(first, dict) else "")
    )
    return host_of(url or "") or str(inputs.get("kind", ""))


def _below(base: Scene, head: Scene, told: dict[tuple[Kind, str], ObjectChange]) -> Iterator[Node]:
    kinds: tuple[tuple[Literal["environment", "serverClass"], str], ...] = (
        ("environment", "environments"),
        ("serverClass", "serverClasses"),
    )
    for kind, key in kinds:
        before, after = (part(scene.inputs("SideroEnvironment"), key) for scene in (base, head))
        for name in dict.fromkeys((*after, *before)):
            values = part(after, name) or part(before, name)
            change = told.get((kind, name))
            standing: Standing = change.mark if change else "same"
            yield Node(
                id=anchor("node", kind, name),
                kind=kind,
                name=name,
                detail=f"Talos {values.get('talos', '')}",
                standing=standing,
                target=change.id if change else "settings",
            )
            if kind == "serverClass":
                yield Node(
                    id=anchor("node", "machines", name),
                    kind="machines",
                    name=f"Machines of {name}",
                    detail="run on until patched" if standing == "changed" else "",
                    standing=standing,
                    target="reach",
                )


def _edges(base: Scene, head: Scene, known: set[str]) -> Iterator[Edge]:
    places = [
        ("upstream", "store", "fetch"),
        ("store", "registry", "images"),
        ("store", "assetMirror", "assets"),
        ("registry", "imageFactory", "reads"),
    ]
    for source, target, what in places:
        if {source, target} <= known:
            yield Edge(source=source, target=target, what=what)
    environments: dict[str, None] = {}
    for scene in (head, base):
        environments |= dict.fromkeys(part(scene.inputs("SideroEnvironment"), "environments"))
    for name in environments:
        yield Edge(
            source="assetMirror",
            target=anchor("node", "environment", name),
            what="boot files",
        )
    seen: set[str] = set()
    for scene in (head, base):
        classes = part(scene.inputs("SideroEnvironment"), "serverClasses")
        for name in classes:
            if name not in seen:
                seen.add(name)
                yield from _of_class(name, part(classes, name), known)


def _of_class(name: str, values: object, known: set[str]) -> Iterator[Edge]:
    item = values if isinstance(values, dict) else {}
    here, machines = anchor("node", "serverClass", name), anchor("node", "machines", name)
    environment = anchor("node", "environment", str(item.get("environment", "")))
    if environment in known:
        yield Edge(source=environment, target=here, what="boots")
    yield Edge(source=here, target=machines, what="config")
    if "registry" in known:
        yield Edge(source="registry", target=machines, what="pulls")
    if "imageFactory" in known and part(item, "installer", "builtOnSite"):
        yield Edge(source="imageFactory", target=machines, what="installer")
