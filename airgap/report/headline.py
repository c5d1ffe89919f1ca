"""What changes, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airgap.report.changes import Changes
from airgap.report.model import AssetChange, ImageChange, Kind, Mark, ObjectChange, VersionChange
from airgap.report.scene import Scene, part
from airgap.report.signing import find_resigned
from airgap.report.wording import KIND_WORDS, count_words, join_words, quote

__all__ = ["write_headline"]

_MOST = 3
"""So many are named of a kind."""
_CHOICES = {"flavour", "delivery", "layout", "kind", "nodeAuth"}


def write_headline(changes: Changes) -> str:
    """Return one sentence, the weightiest part first."""
    base, head = changes.base, changes.head
    if not base.is_there and not head.is_there:
        return "There is no such site, neither before nor after."
    if not base.is_there:
        return f"A new site: {_inventory(head)}."
    if not head.is_there:
        return f"The site is removed: {_inventory(base)}."
    clauses = [
        *_policies(changes),
        *_signers(changes),
        *_versions(changes.versions),
        *_choices(changes),
        *_named(changes, "serverClass", "added", "removed"),
        *_secrets(changes),
        *_trust(changes),
        *_places(changes),
        *_workloads(changes),
        *_counted(changes.images, "image"),
        *_staying(changes),
        *_counted(changes.assets, "boot asset"),
        *_schematics(changes),
        *_named(changes, "environment", "added", "removed", "changed"),
        *_named(changes, "serverClass", "changed"),
    ]
    if not clauses:
        clauses = [*_others(changes), *_files(changes)]
    if changes.site_keys:
        clauses = [*(clauses or ["nothing that machines see changes"]), _site_keys(changes)]
    if not clauses:
        return "Nothing changes."
    sentence = "; ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _inventory(scene: Scene) -> str:
    site = scene.inputs("Site")
    sidero = scene.inputs("SideroEnvironment")
    talos, kubernetes = (part(site, key).get("versions") for key in ("talos", "kubernetes"))
    releases = (("Talos", talos), ("Kubernetes", kubernetes))
    words = [f"{name} {join_words(_texts(found))}" for name, found in releases if found]
    images = sum(image.need != "signatures" for image in scene.images)
    words += [
        count_words(images, "image"),
        count_words(len(scene.assets), "boot asset"),
        count_words(len(part(sidero, "environments")), "environment"),
        count_words(len(part(sidero, "serverClasses")), "server class", "server classes"),
    ]
    return join_words(words)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _versions(versions: Sequence[VersionChange]) -> Iterator[str]:
    for change in versions:
        gone = [version for version in change.old if version not in change.new]
        come = [version for version in change.new if version not in change.old]
        if gone and come:
            yield f"{change.what} {join_words(gone)} → {join_words(come)}"
        elif told := come or gone:
            one = change.what.removesuffix("s") if change.what == "architectures" else change.what
            noun, verb = (one, "is") if len(told) == 1 else (change.what, "are")
            yield f"{noun} {join_words(told)} {verb} {'added' if come else 'removed'}"


def _policies(changes: Changes) -> Iterator[str]:
    """Yield that the policies let more pass, or are changed otherwise."""
    if told := changes.weakened:
        yield f"policies are weakened: {', '.join(told[:_MOST])}{_and_more(told)}"
    elif any("policy" in change.names and _by_hand(change) for change in changes.of_kind("site")):
        yield "the policies are changed"


def _signers(changes: Changes) -> Iterator[str]:
    """Yield whose images must be signed by somebody else."""
    if told := find_resigned(changes.base, changes.head):
        yield f"another signer of {join_words(told[:_MOST])}{_and_more(told)} counts"


def _workloads(changes: Changes) -> Iterator[str]:
    """Yield the hosts that workloads' manifests name now."""
    old, new = (
        part(part(scene.inputs("Site"), "workloads"), "hosts")
        for scene in (changes.base, changes.head)
    )
    if come := sorted(new.keys() - old.keys()):
        yield f"workloads name {join_words([*map(quote, come[:_MOST])])}{_and_more(come)}"


def _and_more(told: Sequence[str]) -> str:
    """Return how many are left out behind the first, each of which may be a clause."""
    return f" and {len(told) - _MOST} more" if len(told) > _MOST else ""


def _join_first(words: Sequence[str]) -> str:
    """Return the first as a list whose last item is how many more there are."""
    more = [f"{len(words) - _MOST} more"] if len(words) > _MOST else []
    return join_words([*words[:_MOST], *more])


def _by_hand(change: ObjectChange) -> bool:
    """Tell whether more than the site's own hosts are others."""
    return any(key.path != "allowedHosts" for key in change.keys)


def _choices(changes: Changes) -> Iterator[str]:
    for change in changes.of_kind("sidero", "registry"):
        thing = "Sidero" if change.kind == "sidero" else "the registry"
        for key in change.keys if change.mark == "changed" else ():
            if key.path in _CHOICES:
                yield f"{thing}'s {key.path} {key.old} → {key.new}"


_NOUNS: dict[Kind, tuple[str, str]] = {
    "serverClass": ("server class", "server classes"),
    "environment": ("environment", "environments"),
}


def _named(changes: Changes, kind: Kind, *marks: Mark) -> Iterator[str]:
    for mark in marks:
        names = tuple(
            dict.fromkeys(
                name
                for change in changes.of_kind(kind)
                if change.mark == mark and not _is_secret(change)
                for name in change.names
            )
        )
        if names:
            one, many = _NOUNS[kind]
            yield (
                f"{one if len(names) == 1 else many} {_join_first([*map(quote, names)])} "
                f"{'is' if len(names) == 1 else 'are'} {mark}"
            )


def _is_secret(change: ObjectChange) -> bool:
    """Tell whether it is told already: a secret, and nothing else."""
    return bool(change.keys) and not change.machine_config and all(k.secret for k in change.keys)


def _secrets(changes: Changes) -> Iterator[str]:
    told = [
        (f"server class {quote(name)}" if change.kind == "serverClass" else quote(name))
        for change in sorted(changes.objects, key=lambda each: each.kind == "resource")
        if change.mark == "changed" and any(key.secret for key in change.keys)
        for name in change.names
    ]
    if told:
        yield f"secrets of {join_words(told)} are changed"


def _trust(changes: Changes) -> Iterator[str]:
    for change in changes.trust:
        verb = "replaced" if change.old and change.new else "added" if change.new else "removed"
        yield f"a certificate authority is {verb}"


def _places(changes: Changes) -> Iterator[str]:
    """Yield the mirrors and places that change by more than their authority."""
    mirrors = [
        quote(name)
        for change in changes.of_kind("mirror")
        if any("Fingerprint" not in key.path for key in change.keys)
        for name in change.names
    ]
    if mirrors:
        nouns = "registry mirror" if len(mirrors) == 1 else "registry mirrors"
        told = nouns + f" of {join_words(mirrors)}" if len(mirrors) <= 3 else ""
        verb = "is" if len(mirrors) == 1 else "are"
        yield f"{told or f'{len(mirrors)} {nouns}'} {verb} changed"
    for change in changes.of_kind("assetMirror", "imageFactory"):
        if any(key.path in {"kind", "url", "endpoint", "path"} for key in change.keys):
            yield f"{_thing(change)} is {change.mark}"


def _counted(changes: Sequence[ImageChange] | Sequence[AssetChange], noun: str) -> Iterator[str]:
    counts: list[str] = []
    for mark, word in (("changed", "updated"), ("added", "added"), ("removed", "removed")):
        count = sum(
            each.mark == mark
            for each in changes
            if not (isinstance(each, ImageChange) and each.need == "signatures")
        )
        if count:
            counts.append(f"{count if counts else count_words(count, noun)} {word}")
    if counts:
        yield join_words(counts)


def _staying(changes: Changes) -> Iterator[str]:
    """Yield what becomes of images that stay as they are."""
    for change in changes.platforms:
        way = "more" if change.mark == "added" else "less"
        yield f"{count_words(change.images, 'image')} with platform {change.platform} {way}"
    if count := len(changes.needs):
        verb = "is" if count == 1 else "are"
        yield f"{count_words(count, 'image')} {verb} needed by something else"


def _schematics(changes: Changes) -> Iterator[str]:
    if added := [change for change in changes.schematics if change.mark == "added"]:
        yield count_words(len(added), "new schematic")


def _site_keys(changes: Changes) -> str:
    """Return which parts of the stack file change, by their first two steps."""
    found = (_PART.match(key.path) for key in changes.site_keys)
    parts = [quote(part) for part in dict.fromkeys(each[0] for each in found if each)]
    return f"{_join_first(parts)} of the stack file {'is' if len(parts) == 1 else 'are'} changed"


_PART = re.compile(r"[^.\[]+(?:\.[^.\[]+)?")


_ALONE = {"registry", "assetMirror", "imageFactory", "sidero"}
"""What there is one of: its name is its kind."""


def _others(changes: Changes) -> Iterator[str]:
    for change in changes.objects:
        verb = "is" if len(change.names) == 1 else "are"
        yield f"{_thing(change)} {verb} {change.mark}"


def _thing(change: ObjectChange) -> str:
    """Return what it is within a sentence: `Sidero`, `the asset mirror`, ``resources `a` ``."""
    kind = KIND_WORDS[change.kind]
    if change.kind in _ALONE:
        return (
            kind if change.kind == "sidero" else f"the {kind if kind in _NAMES else kind.lower()}"
        )
    one = kind.lower()
    many = f"{one}es" if one.endswith("s") else f"{one}s"
    names = join_words([*map(quote, change.names)])
    return f"the {one if len(change.names) == 1 else many} {names}"


_NAMES = {"Image Factory"}
"""Words that are a name."""


def _files(changes: Changes) -> Iterator[str]:
    if changes.files:
        verb = "is" if len(changes.files) == 1 else "are"
        yield f"{count_words(len(changes.files), 'file')} {verb} written anew"
