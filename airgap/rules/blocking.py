"""Which objects of the cluster keep a site's server classes from having their effect.

Sidero v0.6.13 builds a machine's configuration in this order (metadata server): what Cluster API
generated; the ServerClass's configPatches, then its strategicPatches; the Server's configPatches,
then its strategicPatches. JSON patches (`configPatches`) are refused by Talos' patcher as soon as
the configuration has several documents: it has from Talos 1.12 on, whatever anybody patches, and
before that as soon as a server class adds one. A machine then gets HTTP 500 and does not boot.
Whatever comes later than a server class has the last word over it; where a list is set twice, both
are in it, and the first comes first. Time and name servers are an exception where the class gives
them as documents (Talos 1.12): beside the same in v1alpha1, before or after, they are refused.

Reads what `kubectl get serverclasses,servers,environments -o yaml` prints; TalosControlPlanes,
TalosConfigTemplates and TalosConfigs are judged too where they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from airgap.rules.findings import Finding
from airgap.rules.settings import (
    Path,
    common,
    exclusive,
    json_paths,
    json_v1alpha1,
    shown,
    strategic_paths,
    strategic_v1alpha1,
)
from airgap.rules.values import Values, entries, host_of, part, text, texts

__all__ = ["find_blockers"]

_AS_STRATEGIC = "write them as strategicPatches, which Talos merges into any configuration"
_FIRST_MULTIPLE = (1, 12)
_NOTHING: Mapping[str, tuple[Path, ...]] = {}
_ANY = "any"
"""The ServerClass that Sidero makes itself: every server is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Class:
    """A server class of the site, as planned."""

    name: str
    talos: str
    environment: str
    documents: tuple[Values, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """What it sets; the plan shows a certificate by its fingerprint."""
        paths = strategic_paths(self.documents)
        return tuple((*path[:-1], path[-1].removesuffix("Fingerprint")) for path in paths)

    @property
    def is_generated_multiple(self) -> bool:
        """Whether its machines' configuration has several documents before any patch."""
        return _minor(self.talos) >= _FIRST_MULTIPLE

    @property
    def is_multiple(self) -> bool:
        """Whether its machines' configuration has several documents once it is patched."""
        return self.is_generated_multiple or len(self.documents) > 1

    @property
    def reason(self) -> str:
        """Why there are several documents."""
        if self.is_generated_multiple:
            return f"a configuration for Talos {self.talos} has several documents"
        kinds = ", ".join(filter(None, (text(item, "kind") for item in self.documents)))
        return f"server class {self.name} adds the document {kinds}"


def find_blockers(sidero: Values, objects: Iterable[Values]) -> tuple[Finding, ...]:
    """Return what blocks (`mandatory`) and what has the last word instead (`advisory`).

    Args:
        sidero: The plain inputs of the site's SideroEnvironment.
        objects: The cluster's objects; a list's items, not the list.
    """
    known = tuple(objects)
    classes = _classes(sidero)
    members = _members(known)
    return tuple(
        finding
        for item in known
        for finding in _judge(item, classes, members, part(sidero, "policy"))
    )


def _judge(
    item: Values, classes: Mapping[str, _Class], members: Mapping[str, set[str]], policy: Values
) -> Iterator[Finding]:
    kind = text(item, "kind")
    if kind == "ServerClass":
        yield from _judge_class(item, classes)
    elif kind == "Server":
        for server_class in _classes_of(item, classes, members):
            yield from _judge_server(item, server_class)
    elif kind == "Environment":
        yield from _judge_environment(item, classes, texts(policy, "allowedHosts"))
    elif specification := _generator(item):
        yield from _judge_generator(item, specification, classes)


def _judge_class(item: Values, classes: Mapping[str, _Class]) -> Iterator[Finding]:
    """Yield what of a ServerClass stays when ours is applied over it: its configPatches."""
    ours = classes.get(_name(item))
    patches = part(item, "spec").get("configPatches")
    if ours is None or not patches:
        return
    if ours.is_generated_multiple:
        yield _blocked(item, ours)
    else:
        yield from _earlier(item, ours, json_paths(patches))


def _judge_server(item: Values, ours: _Class) -> Iterator[Finding]:
    specification = part(item, "spec")
    patches = specification.get("configPatches")
    if patches and ours.is_multiple:
        yield _blocked(item, ours)
    elif patches:
        yield from _later(item, ours, "configPatches", json_paths(patches))
    documents, faults = _strategic(item, specification)
    yield from faults
    refused = _refused(ours, strategic_v1alpha1(documents))
    yield from _refusals(item, ours, refused)
    yield from _later(item, ours, "strategicPatches", strategic_paths(documents), refused)
    boots = text(part(specification, "environmentRef"), "name")
    if boots and boots != ours.environment:
        yield _finding(
            item,
            "shadowed",
            "advisory",
            f"boots environment {boots}, not {ours.environment} of server class {ours.name}",
            "remove its spec.environmentRef",
        )


def _judge_environment(
    item: Values, classes: Mapping[str, _Class], allowed: Sequence[str]
) -> Iterator[Finding]:
    """Yield an Environment that is not the site's and sends Sidero out."""
    name = _name(item)
    if name == "default" or name in {ours.environment for ours in classes.values()}:
        return
    for asset in ("kernel", "initrd"):
        host = host_of(text(part(part(item, "spec"), asset), "url"))
        if host and host not in allowed:
            yield _finding(
                item,
                "closed",
                "advisory",
                f"its {asset} is at {host}, which is not in the site: Sidero tries for ever",
                "delete it, or point it to the site's asset mirror",
            )


def _judge_generator(
    item: Values, specification: Values, classes: Mapping[str, _Class]
) -> Iterator[Finding]:
    """Judge what generates the configuration: it comes before any server class."""
    talos = text(specification, "talosVersion")
    patches = specification.get("configPatches")
    if patches and talos and _minor(talos) >= _FIRST_MULTIPLE:
        reason = f"a configuration for Talos {talos} has several documents"
        yield _finding(
            item, "config-patches", "mandatory", f"its configPatches fail: {reason}", _AS_STRATEGIC
        )
    documents, faults = _strategic(item, specification)
    yield from faults
    paths = (*json_paths(patches), *strategic_paths(documents))
    old = (*json_v1alpha1(patches), *strategic_v1alpha1(documents))
    for ours in classes.values():
        refused = _refused(ours, old)
        yield from _refusals(item, ours, refused)
        yield from _earlier(item, ours, paths, refused)


def _generator(item: Values) -> Values:
    """Return the TalosConfigSpec of an object of Cluster API's Talos providers."""
    specification = part(item, "spec")
    match text(item, "kind"):
        case "TalosControlPlane":
            return part(part(specification, "controlPlaneConfig"), "controlplane")
        case "TalosConfigTemplate":
            return part(part(specification, "template"), "spec")
        case "TalosConfig":
            return specification
    return {}


def _blocked(item: Values, ours: _Class) -> Finding:
    message = f"its configPatches fail, and its machines do not boot: {ours.reason}"
    return _finding(item, "config-patches", "mandatory", message, _AS_STRATEGIC)


def _refused(ours: _Class, paths: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Return those paths of v1alpha1 that Talos refuses beside a document of the class."""
    known = tuple(paths)
    found = {kind: common(beside, known) for kind, beside in exclusive(ours.documents).items()}
    return {kind: touched for kind, touched in found.items() if touched}


def _refusals(
    item: Values, ours: _Class, refused: Mapping[str, tuple[Path, ...]]
) -> Iterator[Finding]:
    for kind, touched in refused.items():
        message = (
            f"its patches set {_listed(touched)}, and server class {ours.name} has the document "
            f"{kind}: Talos {ours.talos} refuses both together, and its machines do not boot"
        )
        remedy = f"leave these settings to the site, or give them as {kind}"
        yield _finding(item, "config-patches", "mandatory", message, remedy)


def _later(
    item: Values,
    ours: _Class,
    field: str,
    paths: Iterable[Path],
    refused: Mapping[str, tuple[Path, ...]] = _NOTHING,
) -> Iterator[Finding]:
    if touched := _beyond(common(ours.paths, paths), refused):
        message = f"its {field} come after server class {ours.name} and set {_listed(touched)}"
        yield _finding(item, "shadowed", "advisory", message, "leave these settings to the site")


def _earlier(
    item: Values,
    ours: _Class,
    paths: Iterable[Path],
    refused: Mapping[str, tuple[Path, ...]] = _NOTHING,
) -> Iterator[Finding]:
    if touched := _beyond(common(ours.paths, paths), refused):
        message = (
            f"its patches come before server class {ours.name} and set {_listed(touched)}, too: "
            "lists add up, the first comes first"
        )
        yield _finding(item, "shadowed", "advisory", message, "leave these settings to the site")


def _beyond(paths: Iterable[Path], refused: Mapping[str, tuple[Path, ...]]) -> tuple[Path, ...]:
    """Return the paths that are not refused anyway."""
    told = [path for touched in refused.values() for path in touched]
    return tuple(path for path in paths if not common([path], told))


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(shown, paths))


def _strategic(item: Values, specification: Values) -> tuple[list[Values], list[Finding]]:
    """Return the documents of an object's strategicPatches, and those that are none."""
    documents: list[Values] = []
    faults: list[Finding] = []
    for index, patch in enumerate(texts(specification, "strategicPatches")):
        try:
            found = list(yaml.safe_load_all(patch))
        except yaml.YAMLError:
            message = f"its strategicPatches[{index}] is not YAML: its machines do not boot"
            faults.append(_finding(item, "config-patches", "mandatory", message, "correct it"))
            continue
        documents += [document for document in found if isinstance(document, Mapping)]
    return documents, faults


def _classes(sidero: Values) -> dict[str, _Class]:
    names = {name: text(values, "object") for name, values in entries(sidero, "environments")}
    return {
        name: _Class(
            name=name,
            talos=text(values, "talos"),
            environment=names.get(text(values, "environment"), text(values, "environment")),
            documents=tuple(values for _, values in entries(values, "machineConfig")),
        )
        for name, values in entries(sidero, "serverClasses")
    }


def _members(objects: Iterable[Values]) -> dict[str, set[str]]:
    """Return the servers of each ServerClass by its status; `any` has them all and says nothing."""
    return {
        _name(item): {
            *texts(part(item, "status"), "serversAvailable"),
            *texts(part(item, "status"), "serversInUse"),
        }
        for item in objects
        if text(item, "kind") == "ServerClass" and _name(item) != _ANY
    }


def _classes_of(
    item: Values, classes: Mapping[str, _Class], members: Mapping[str, set[str]]
) -> Iterator[_Class]:
    """Yield the site's classes a Server is in; else those that the cluster does not have yet."""
    of = {name for name, servers in members.items() if _name(item) in servers}
    for ours in classes.values():
        if ours.name in of or not (of or ours.name in members):
            yield ours


def _name(item: Values) -> str:
    return text(part(item, "metadata"), "name")


def _minor(version: str) -> tuple[int, ...]:
    numbers = version.removeprefix("v").partition("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())


def _finding(item: Values, rule: str, level: str, message: str, remedy: str) -> Finding:
    return Finding(
        rule=rule,
        level="mandatory" if level == "mandatory" else "advisory",
        subject=f"{text(item, 'kind')}/{_name(item)}",
        message=message,
        remedy=remedy,
        resource="cluster",
    )
