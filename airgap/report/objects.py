"""What changes of a site's settings: places, mirrors, trust, environments, classes, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from airgap.plan.model import PlainValues
from airgap.report.contents import anchor, mark_of
from airgap.report.keys import compare_keys
from airgap.report.machine_config import is_in_documents, read_machine_config
from airgap.report.masking import mask_text
from airgap.report.model import (
    FileChange,
    KeyChange,
    Kind,
    ObjectChange,
    TrustChange,
    VersionChange,
)
from airgap.report.scene import Scene, View, host_of, part

__all__ = ["compare_files", "compare_objects", "compare_trust", "compare_versions"]

_SHOWN_ELSEWHERE = frozenset(
    {
        "Site", "Registry", "AssetMirror", "ImageFactory", "SideroEnvironment",
        "Schematic", "ManifestFiles", "Environment", "EnvironmentPatch", "ServerClass",
        "Stack",
    }
)  # fmt: skip
_EVERYWHERE = frozenset({"policy", "certificates"})
"""Of a component: what other sections show, once."""
_CONTENT = frozenset({"images", "assets"})
"""Of a set's inputs: what the tables of images and boot assets show."""


def compare_versions(base: Scene, head: Scene) -> tuple[VersionChange, ...]:
    """Return the releases that differ."""
    before, after = _versions(base), _versions(head)
    return tuple(
        VersionChange(what=what, old=before.get(what, ()), new=after.get(what, ()))
        for what in dict.fromkeys((*after, *before))
        if before.get(what, ()) != after.get(what, ())
    )


def _versions(scene: Scene) -> dict[str, tuple[str, ...]]:
    site = scene.inputs("Site")
    sidero, factory = scene.inputs("SideroEnvironment"), scene.inputs("ImageFactory")
    found = {
        "Talos": _texts(part(site, "talos").get("versions")),
        "Kubernetes": _texts(part(site, "kubernetes").get("versions")),
        "architectures": _texts(site.get("architectures")),
        "Sidero": _texts(sidero.get("version")),
        "Image Factory": _texts(factory.get("version")),
    }
    return {what: versions for what, versions in found.items() if versions}


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, Sequence) else ()


def compare_objects(base: Scene, head: Scene) -> tuple[ObjectChange, ...]:
    """Return the settings that differ, a thing each; what changes alike is one."""
    changes = (
        *_single(base, head, "registry", "Registry", "registry", {"hosts", "mirrors"}),
        *_mapped(base, head, "mirror", _mirrors),
        *_single(base, head, "assetMirror", "AssetMirror", "asset mirror", {"assets"}),
        *_single(base, head, "imageFactory", "ImageFactory", "Image Factory", {"schematics"}),
        *_single(
            base,
            head,
            "sidero",
            "SideroEnvironment",
            "Sidero",
            {"environments", "serverClasses"},
        ),
        *_policies(base, head),
        *_workloads(base, head),
        *_mapped(base, head, "environment", _environments),
        *_classes(base, head),
        *_resources(base, head),
    )
    return tuple(_grouped(changes))


def _single(
    base: Scene, head: Scene, kind: Kind, component: str, name: str, without: set[str]
) -> Iterator[ObjectChange]:
    old, new = (
        {
            key: value
            for key, value in scene.inputs(component).items()
            if key not in without | _EVERYWHERE
        }
        for scene in (base, head)
    )
    if keys := compare_keys(old, new):
        yield _object(kind, name, old, new, keys)


def _policies(base: Scene, head: Scene) -> Iterator[ObjectChange]:
    """Yield what rules are measured by: every component has the same."""
    old, new = (part(scene.inputs("Registry"), "policy") for scene in (base, head))
    if base.is_there and head.is_there and (keys := compare_keys(old, new)):
        yield _object("site", "policy", old, new, keys)


def _workloads(base: Scene, head: Scene) -> Iterator[ObjectChange]:
    """Yield the hosts that workloads' manifests name: places outside, for all that is known."""
    old, new = (part(scene.inputs("Site"), "workloads") for scene in (base, head))
    if keys := compare_keys(old, new):
        yield _object("site", "workloads", old, new, keys)


def _mirrors(scene: Scene) -> PlainValues:
    return part(scene.inputs("Registry"), "mirrors")


def _environments(scene: Scene) -> PlainValues:
    return part(scene.inputs("SideroEnvironment"), "environments")


def _mapped(
    base: Scene, head: Scene, kind: Kind, read: Callable[[Scene], PlainValues]
) -> Iterator[ObjectChange]:
    before, after = read(base), read(head)
    for name in dict.fromkeys((*after, *before)):
        old, new = part(before, name), part(after, name)
        if keys := compare_keys(old, new):
            yield _object(kind, name, old, new, keys)


def _classes(base: Scene, head: Scene) -> Iterator[ObjectChange]:
    before, after = (
        part(scene.inputs("SideroEnvironment"), "serverClasses") for scene in (base, head)
    )
    for name in dict.fromkeys((*after, *before)):
        old, new = part(before, name), part(after, name)
        keys = (*compare_keys(_without_config(old), _without_config(new)), *_form(old, new))
        config = compare_keys(
            *(read_machine_config(part(each, "machineConfig")) for each in (old, new))
        )
        if keys or config:
            yield _object("serverClass", name, old, new, keys).model_copy(
                update={"machine_config": config, "files": _files_of(head, name) if config else ()}
            )


def _without_config(values: PlainValues) -> PlainValues:
    return {key: value for key, value in values.items() if key != "machineConfig"}


def _form(old: PlainValues, new: PlainValues) -> Iterator[KeyChange]:
    """Yield that the same settings are written in another form, where they are."""
    before, after = (part(each, "machineConfig") for each in (old, new))
    if before and after and is_in_documents(before) != is_in_documents(after):
        forms = {True: "documents of Talos 1.12", False: "one v1alpha1 document"}
        yield KeyChange(
            path="machineConfig (form)",
            old=forms[is_in_documents(before)],
            new=forms[is_in_documents(after)],
        )


def _files_of(scene: Scene, server_class: str) -> tuple[str, ...]:
    """Return the files for running machines of a class."""
    return tuple(
        path
        for path in _files(scene)
        if path.partition("machine-config/")[2].startswith(f"{server_class}.")
    )


def _resources(base: Scene, head: Scene) -> Iterator[ObjectChange]:
    """Yield what no other section shows: where sets go, image caches, objects of the cluster."""
    names = dict.fromkeys((*head.views, *base.views))
    for name in names:
        old, new = base.views.get(name), head.views.get(name)
        view = new or old
        if view is None or view.kind in _SHOWN_ELSEWHERE or (old and new) is None:
            if view and _is_object(view) and (old is None) != (new is None):
                yield _object("resource", f"{view.kind} {name}", old, new, _own_keys(old, new))
        elif keys := _own_keys(old, new):
            yield _object("resource", f"{view.kind} {name}", old, new, keys)


def _is_object(view: View) -> bool:
    """Tell whether a resource's coming and going is worth a line: sets follow their content."""
    return view.kind not in _SHOWN_ELSEWHERE | {"ImageSet", "AssetSet"}


def _own_keys(old: View | None, new: View | None) -> tuple[KeyChange, ...]:
    return compare_keys(*(_settings(view) if view else {} for view in (old, new)))


def _settings(view: View) -> PlainValues:
    skipped = _CONTENT if view.kind in {"ImageSet", "AssetSet"} else frozenset()
    return {
        key: _without_pem(value)
        for key, value in view.inputs.items()
        if key not in skipped | {"__provider"}
    }


def _without_pem(value: object) -> object:
    """Return a value whose certificates are left out: their change is told by fingerprint."""
    if isinstance(value, Mapping):
        return {
            key: _without_pem(inner)
            for key, inner in value.items()
            if not (isinstance(inner, str) and "-----BEGIN CERTIFICATE" in inner)
        }
    return value


def _object(
    kind: Kind, name: str, old: object, new: object, keys: tuple[KeyChange, ...]
) -> ObjectChange:
    return ObjectChange(
        id=anchor(kind, name), kind=kind, names=(name,), mark=mark_of(old, new), keys=keys
    )


def _grouped(changes: Sequence[ObjectChange]) -> Iterator[ObjectChange]:
    """Yield the changes, those of one kind with equal keys as one, where the first of them was."""
    seen: dict[tuple[object, ...], list[ObjectChange]] = {}
    for change in changes:
        key = (change.kind, change.mark, change.keys, change.machine_config)
        seen.setdefault(key, []).append(change)
    for alike in seen.values():
        yield alike[0].model_copy(
            update={
                "names": tuple(name for change in alike for name in change.names),
                "files": tuple(file for change in alike for file in change.files),
            }
        )


def compare_trust(base: Scene, head: Scene) -> tuple[TrustChange, ...]:
    """Return the authorities that differ, each with everywhere it is trusted."""
    before, after = dict(_trusted(base)), dict(_trusted(head))
    known = [
        {one for each in side.values() for one in each.split(", ")} for side in (before, after)
    ]
    found: dict[tuple[str, str], list[str]] = {}
    for where in dict.fromkeys((*after, *before)):
        pair = (before.get(where, ""), after.get(where, ""))
        told = {one for each in pair if each for one in each.split(", ")}
        # A place comes or goes, and its authority is that of another: nothing is trusted anew.
        is_moved = not all(pair) and told <= known[0] & known[1]
        if pair[0] != pair[1] and not is_moved:
            found.setdefault(pair, []).append(where)
    return tuple(
        TrustChange(
            id=anchor("trust", str(index + 1)),
            old=old,
            new=new,
            old_names=_names(base, old),
            new_names=_names(head, new),
            where=tuple(where),
        )
        for index, ((old, new), where) in enumerate(found.items())
    )


def _names(scene: Scene, fingerprints: str) -> tuple[str, ...]:
    """Return whose certificates these are, and until when, as far as the components say."""
    known: dict[str, object] = {}
    for view in scene.of_kind("Registry", "AssetMirror", "ImageFactory"):
        known |= part(view.inputs, "certificates")
    found = (part(known, fingerprint) for fingerprint in fingerprints.split(", "))
    return tuple(
        mask_text(f"{each.get('subject', '')}, until {each.get('notAfter', 'an unknown day')}")
        for each in found
        if each
    )


def _trusted(scene: Scene) -> Iterator[tuple[str, str]]:
    registry = scene.inputs("Registry")
    for place in _items(registry.get("endpoints")):
        yield from _fingerprint(f"registry {host_of(place.get('url'))}", place)
    for host in part(registry, "mirrors"):
        yield from _fingerprint(f"mirror of {host}", part(registry, "mirrors", host))
    yield from _fingerprint("asset mirror", scene.inputs("AssetMirror"))
    factory = scene.inputs("ImageFactory")
    yield from _fingerprint("Image Factory", factory)
    yield from _fingerprint("Image Factory's registry", factory, "registryCaFingerprint")


def _fingerprint(
    where: str, values: PlainValues, key: str = "caFingerprint"
) -> Iterator[tuple[str, str]]:
    if text := values.get(key):
        yield where, str(text)


def _items(value: object) -> Iterator[PlainValues]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (item for item in value if isinstance(item, Mapping))


def compare_files(base: Scene, head: Scene) -> tuple[FileChange, ...]:
    """Return the files that `up` writes and whose content differs."""
    before, after = _files(base), _files(head)
    return tuple(
        FileChange(path=path, mark=mark_of(path in before, path in after))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )


def _files(scene: Scene) -> dict[str, object]:
    return {
        f"{view.inputs.get('directory', '')}/{path}": content
        for view in scene.of_kind("ManifestFiles")
        for path, content in part(view.inputs, "files").items()
    }
