"""Whom a change reaches: servers to come, machines that run, and what these pull.

Sidero applies an Environment or a ServerClass when it provisions a server (and an Environment at
each boot of one with `pxeBootAlways`); machines that run keep what they have until somebody patches
or upgrades them (facts of Sidero v0.6.13 and Talos 1.9 to 1.13, docs/machine-config.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airgap.report.changes import Changes
from airgap.report.model import ObjectChange, Reach, TrustChange
from airgap.report.provisioned import classes_words, tell_provisioned
from airgap.report.scene import Scene, host_of, part
from airgap.report.upgrades import tell_upgrades
from airgap.report.wording import count_words, join_words, quote

__all__ = ["find_reach"]


def find_reach(changes: Changes) -> Reach:
    """Return whom it reaches and what to mind, in sentences."""
    base, head = changes.base, changes.head
    return Reach(
        provisioned=tuple(tell_provisioned(changes)),
        running=(
            *_running(changes),
            *_credentials(changes),
            *tell_upgrades(changes.versions),
            *_management(base, head),
            *_without_factory(changes),
            *(_rotation(change) for change in changes.trust if base.is_there and head.is_there),
        ),
        pulls=(*_pulls(changes), *_places(changes), *_built(changes)),
    )


def _quoted(names: Sequence[str]) -> str:
    return join_words([quote(name) for name in names])


def _running(changes: Changes) -> Iterator[str]:
    if gone := changes.names("serverClass", "removed"):
        yield (
            f"Running machines of {classes_words(gone)} keep what they have; nothing is taken away."
        )
    changed = [each for each in changes.of_kind("serverClass") if each.mark == "changed"]
    patched = [each for each in changed if each.machine_config]
    if patched:
        commands = [
            quote(path) for each in patched for path in each.files if path.endswith(".commands.txt")
        ]
        yield (
            f"Running machines of {classes_words(_all(patched))} keep their configuration until "
            f"`talosctl patch mc`, by {join_words(commands)} and the files beside."
        )
    upgraded = [each for each in changed if any(_is_installer(key.path) for key in each.keys)]
    if upgraded:
        yield (
            f"Running machines of {classes_words(_all(upgraded))} keep their system until "
            "`talosctl upgrade` with the new installer; the command is in the same file."
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
            f"Running machines of {classes_words(names)} keep the old secrets until they are "
            f"patched with what `python -m airgap secret {site} --machine-config CLASS` prints. "
            "The old ones have to stay valid until the last machine has the new ones."
        )


def _all(changes: Sequence[ObjectChange]) -> tuple[str, ...]:
    return tuple(name for change in changes for name in change.names)


def _is_installer(path: str) -> bool:
    return path in {"installer.image", "installer.digest"}


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


def _pulls(changes: Changes) -> Iterator[str]:
    """Yield what pulls of running machines get: by what a registry has, whoever needs it there."""
    before, after = (_tagged(scene) for scene in (changes.base, changes.head))
    images = [image for image in changes.images if image.need != "signatures"]
    moved = dict.fromkeys(
        quote(f"{image.repository}:{pin.tag}")
        for image in changes.images
        for pin in image.new
        if before.get((image.repository, pin.tag), pin.digest) != pin.digest and pin.tag
    )
    if moved:
        yield (
            f"{count_words(len(moved), 'tag')} with new content under the same name: machines that "
            f"pull {_few([*moved])} by tag get it at their next pull."
        )
    held = {(image.repository, image.digest) for image in changes.head.images}
    gone = dict.fromkeys(
        quote(f"{image.repository}:{pin.tag}") if pin.tag else quote(image.repository)
        for image in images
        for pin in image.old
        if (image.repository, pin.tag) not in after
        if pin.tag or (image.repository, pin.digest) not in held
    )
    if gone:
        yield (
            f"{count_words(len(gone), 'image')} of the base "
            f"{'is' if len(gone) == 1 else 'are'} released, not deleted: machines that run can "
            f"pull {_few([*gone])} until `prune`, which keeps what earlier locks name."
        )


def _tagged(scene: Scene) -> dict[tuple[str, str], str]:
    """Return digests by repository and tag."""
    return {(image.repository, image.tag): image.digest for image in scene.images if image.tag}


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
            f"The site's factory builds the installer of {classes_words(built)} when it is first "
            "pulled: its digest is known only then."
        )
