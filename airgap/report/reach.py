"""Whom a change reaches: servers to come, machines that run, and what these pull.

Sidero applies an Environment or a ServerClass when it provisions a server (and an Environment at
each boot of one with `pxeBootAlways`); machines that run keep what they have until somebody patches
or upgrades them (facts of Sidero v0.6.13 and Talos 1.9 to 1.13, docs/machine-config.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airgap.report.changes import Changes
from airgap.report.model import ImageChange, ObjectChange, Reach, TrustChange, VersionChange
from airgap.report.scene import Scene, host_of, part
from airgap.report.wording import count_words, join_words, quote

__all__ = ["find_reach"]


def find_reach(changes: Changes) -> Reach:
    """Return whom it reaches and what to mind, in sentences."""
    base, head = changes.base, changes.head
    return Reach(
        provisioned=tuple(_provisioned(changes)),
        running=(
            *_running(changes),
            *_credentials(changes),
            *_upgrades(changes.versions),
            *_management(base, head),
            *_without_factory(changes),
            *(_rotation(change) for change in changes.trust if base.is_there and head.is_there),
        ),
        pulls=(*_pulls(changes.images), *_places(changes), *_built(changes)),
    )


def _provisioned(changes: Changes) -> Iterator[str]:
    if changed := changes.names("serverClass", "added", "changed"):
        yield (
            f"Servers of {_classes(changed)} get the new configuration when Sidero provisions them."
        )
    if gone := changes.names("serverClass", "removed"):
        if _by_files(changes):
            yield (
                f"{_capital(_classes(gone))} {_still(gone)} there, and Sidero provisions servers "
                f"of {'it' if len(gone) == 1 else 'them'}, until "
                f"{_deletions('serverclass', gone)}: `apply.sh` only applies. GitOps that prunes "
                "deletes it."
            )
        else:
            yield f"Sidero provisions no more servers of {_classes(gone)}."
    booted = changes.names("environment", "added", "changed")
    if booted:
        noun = "environment" if len(booted) == 1 else "environments"
        yield (
            f"What {noun} {_quoted(booted)} boot{'s' if len(booted) == 1 else ''} reaches servers "
            "that are provisioned from now on, and those with `pxeBootAlways` at their next boot."
        )
    yield from _left_behind(changes)
    if gone := changes.names("environment", "removed"):
        noun = "environment" if len(gone) == 1 else "environments"
        yield f"A server that itself names the removed {noun} {_quoted(gone)} needs another."
        if _by_files(changes):
            yield (
                f"The removed {noun} {_quoted(gone)} {_still(gone)} there until "
                f"{_deletions('environment', _objects(changes.base, gone))}: `apply.sh` only "
                "applies. GitOps that prunes deletes it."
            )
    yield from _fork(changes)


def _by_files(changes: Changes) -> bool:
    """Tell whether no stack deletes an object of Sidero's that goes, since none has made it."""
    if not changes.head.is_there:
        return False
    return changes.base.inputs("SideroEnvironment").get("delivery", "files") == "files"


def _left_behind(changes: Changes) -> Iterator[str]:
    """Yield which objects stay of environments whose new content has a name of its own."""
    if not _by_files(changes):
        return
    names = changes.names("environment", "changed")
    old_ones, new_ones = (_objects(scene, names) for scene in (changes.base, changes.head))
    pairs = zip(names, old_ones, new_ones, strict=True)
    moved = {name: old for name, old, new in pairs if old != new}
    if len(moved) == 1:
        yield (
            f"Environment {_quoted([*moved])} gets a new object, whose name carries its content. "
            f"The old one is still there until {_deletions('environment', [*moved.values()])}: "
            "`apply.sh` only applies. GitOps that prunes deletes it. A server that itself names "
            "the old one needs the new name first."
        )
    elif moved:
        yield (
            f"Environments {_quoted([*moved])} get new objects, whose names carry their content. "
            f"The old ones are still there until {_deletions('environment', [*moved.values()])}: "
            "`apply.sh` only applies. GitOps that prunes deletes them. A server that itself names "
            "an old one needs the new name first."
        )


def _still(names: Sequence[str]) -> str:
    return "is still" if len(names) == 1 else "are still"


def _deletions(kind: str, names: Sequence[str]) -> str:
    return join_words([quote(f"kubectl delete {kind} {name}") for name in names])


def _objects(scene: Scene, names: Sequence[str]) -> list[str]:
    """Return what the cluster calls environments: their names carry their content."""
    found = part(scene.inputs("SideroEnvironment"), "environments")
    return [str(part(found, name).get("object", name)) for name in names]


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _fork(changes: Changes) -> Iterator[str]:
    """Yield what a switch of the flavour asks of Sidero itself."""
    for change in changes.of_kind("sidero"):
        for key in change.keys if change.mark == "changed" else ():
            if key.path == "flavour" and key.new == "airgap":
                yield (
                    "Sidero's manager has to be the fork, and its definition (`crds/` among the "
                    "files) applied first: stock Sidero drops `airGap` and `bootAsset` silently."
                )
            elif key.path == "flavour":
                yield "Stock Sidero has no `airGap`: the server classes' patches carry all of it."


def _classes(names: Sequence[str]) -> str:
    return f"server class{'es' if len(names) > 1 else ''} {_quoted(names)}"


def _quoted(names: Sequence[str]) -> str:
    return join_words([quote(name) for name in names])


def _running(changes: Changes) -> Iterator[str]:
    if gone := changes.names("serverClass", "removed"):
        yield f"Running machines of {_classes(gone)} keep what they have; nothing is taken away."
    changed = [each for each in changes.of_kind("serverClass") if each.mark == "changed"]
    patched = [each for each in changed if each.machine_config]
    if patched:
        commands = [
            quote(path) for each in patched for path in each.files if path.endswith(".commands.txt")
        ]
        yield (
            f"Running machines of {_classes(_all(patched))} keep their configuration until "
            f"`talosctl patch mc`, by {join_words(commands)} and the files beside."
        )
    upgraded = [each for each in changed if any(_is_installer(key.path) for key in each.keys)]
    if upgraded:
        yield (
            f"Running machines of {_classes(_all(upgraded))} keep their system until `talosctl "
            "upgrade` with the new installer; the command is in the same file."
        )


def _credentials(changes: Changes) -> Iterator[str]:
    """Yield how machines that run get credentials that have changed: they are in no file."""
    names = _all(
        [
            each
            for each in changes.of_kind("serverClass")
            if each.mark == "changed" and any(key.secret for key in each.keys)
        ]
    )
    site = changes.head.inputs("Site").get("site", "<site>")
    if names:
        yield (
            f"Running machines of {_classes(names)} keep the old secrets until they are patched "
            f"with what `python -m airgap secret {site} --machine-config CLASS` prints. The old "
            "ones have to stay valid until the last machine has the new ones."
        )


def _all(changes: Sequence[ObjectChange]) -> tuple[str, ...]:
    return tuple(name for change in changes for name in change.names)


def _is_installer(path: str) -> bool:
    return path in {"installer.image", "installer.digest"}


def _upgrades(versions: Sequence[VersionChange]) -> Iterator[str]:
    for change in versions:
        gone = [version for version in change.old if version not in change.new]
        come = [version for version in change.new if version not in change.old]
        if change.what == "Kubernetes" and change.old and come:
            yield (
                "Running clusters keep their Kubernetes until `talosctl upgrade-k8s --to "
                f"{come[-1].removeprefix('v')}`."
            )
        if change.what == "Talos" and gone and change.new:
            yield (
                f"For machines that still run Talos {join_words(gone)} the site makes no files any "
                "more: upgrade them, or keep the release among `talos.versions` until the last one "
                "is upgraded. Their installer and images go at the next `prune` that no kept lock "
                "holds back."
            )


def _without_factory(changes: Changes) -> Iterator[str]:
    """Yield what a site without a factory needs for another schematic of machines that run."""
    if not (changes.base.is_there and changes.head.is_there and changes.schematics):
        return
    if changes.head.inputs("ImageFactory").get("kind") == "none":
        yield (
            "The site has no Image Factory: installers of other schematics are those made when it "
            "was locked."
        )


def _management(base: Scene, head: Scene) -> Iterator[str]:
    name = "manifests-management"
    old, new = base.views.get(name), head.views.get(name)
    if old and new and old.inputs.get("files") != new.inputs.get("files"):
        folder = f"{new.inputs.get('directory', 'out')}/management"
        yield f"The machines that run Sidero itself: `{folder}/commands.txt`, by hand as well."


def _rotation(change: TrustChange) -> str:
    if not change.old:
        return "A certificate authority is trusted that was not before; machines learn it as above."
    if not change.new:
        return "A certificate authority is trusted no more."
    before, after = (set(text.split(", ")) for text in (change.old, change.new))
    if before <= after:
        return (
            "A certificate authority is added beside the old one: machines that have it trust both."
        )
    if before & after:
        return "One certificate authority of several is trusted no more; the others stay."
    return (
        "A certificate authority is replaced, not added: a machine trusts the old or the new one. "
        "Patch machines before the servers present the new certificate, or trust both in between."
    )


def _pulls(images: Sequence[ImageChange]) -> Iterator[str]:
    moved = [
        quote(f"{image.repository}:{pin.tag}")
        for image in images
        for pin in image.new
        if pin.tag and any(old.tag == pin.tag for old in image.old)
    ]
    if moved:
        yield (
            f"{count_words(len(moved), 'tag')} with new content under the same name: machines that "
            f"pull {_few(moved)} by tag get it at their next pull."
        )
    gone = [
        quote(f"{image.repository}:{pin.tag}") if pin.tag else quote(image.repository)
        for image in images
        for pin in image.old
        if image.need != "signatures" and all(new.tag != pin.tag for new in image.new)
    ]
    if gone:
        yield (
            f"{count_words(len(gone), 'image')} of the base "
            f"{'is' if len(gone) == 1 else 'are'} released, not deleted: machines that run can "
            f"pull {_few(gone)} until `prune`, which keeps what earlier locks name."
        )


def _few(names: Sequence[str], count: int = 6) -> str:
    """Return the first names, and how many more there are: the tables name them all."""
    if len(names) <= count:
        return join_words(names)
    return f"{', '.join(names[:count])} and {len(names) - count} more (all below)"


def _places(changes: Changes) -> Iterator[str]:
    base, head = changes.base, changes.head
    if not (base.is_there and head.is_there):
        return
    changed = [
        name
        for change in changes.of_kind("mirror")
        if change.mark == "changed" and any(_moves(key.path) for key in change.keys)
        for name in change.names
    ]
    if changed:
        yield (
            f"Machines that run pull images of {_quoted(changed)} from where they did until they "
            "are patched; what they find there is not changed by this."
        )
    if gone := changes.names("mirror", "removed"):
        yield (
            f"There is no mirror of its own for {_quoted(gone)} any more: the `*` entry answers, "
            "and an image that is not in the site gets a 404."
        )
    for host in _open(head):
        yield f"Machines ask {host} itself when the mirror has not what they want (fallback)."
    yield from _moved_registry(base, head)


def _moves(path: str) -> bool:
    return path.startswith(("endpoints", "overridePath"))


def _open(scene: Scene) -> Iterator[str]:
    mirrors = part(scene.inputs("Registry"), "mirrors")
    return (quote(host) for host in mirrors if part(mirrors, host).get("skipFallback") is False)


def _moved_registry(base: Scene, head: Scene) -> Iterator[str]:
    old, new = (_first_endpoint(scene) for scene in (base, head))
    if old and not new and head.inputs("Registry").get("kind") == "none":
        yield (
            f"The site has no registry any more: keep {host_of(old)} until the last machine that "
            "runs has the medium with the image cache and is patched; until then it pulls there."
        )
    if old and new and old != new:
        yield (
            f"The registry moves from {host_of(old)} to {host_of(new)}: keep the old one until the "
            "last machine is patched."
        )


def _first_endpoint(scene: Scene) -> str:
    places = scene.inputs("Registry").get("endpoints")
    first = places[0] if isinstance(places, Sequence) and places else {}
    return str(first.get("url", "")) if isinstance(first, dict) else ""


def _built(changes: Changes) -> Iterator[str]:
    """Yield which installers the site's own factory builds when they are first pulled."""
    base, head = changes.base, changes.head
    classes = part(head.inputs("SideroEnvironment"), "serverClasses")
    before = part(base.inputs("SideroEnvironment"), "serverClasses")
    built = [
        name
        for name in classes
        for mark in (part(classes, name, "installer", "builtOnSite"),)
        if mark and mark != part(before, name, "installer", "builtOnSite")
    ]
    if built:
        yield (
            f"The site's factory builds the installer of {_classes(built)} when it is first "
            "pulled: its digest is known only then."
        )
