"""How running clusters and machines come to other releases, and which ways there are not.

`talosctl upgrade-k8s` goes within a minor release of Kubernetes or to the next one, never back
(go-kubernetes, `upgrade.Path.IsSupported`). Talos tests upgrades between adjacent minor releases,
by the last release of each on the way (its guide on upgrading); its one way back is `talosctl
rollback`, to what a machine ran before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airgap.report.model import VersionChange
from airgap.report.wording import join_words, quote
from airgap.talos.releases import minor_of, version_key

__all__ = ["tell_upgrades"]

_RELEASE = re.compile(r"v?\d+\.\d+\.\d+(-|\Z)")


def tell_upgrades(versions: Sequence[VersionChange]) -> Iterator[str]:
    """Yield what is left to do by hand for the releases that come and go, a sentence each."""
    for change in versions:
        if not all(_RELEASE.match(version) for version in (*change.old, *change.new)):
            continue  # known after `up` alone, by the engine's events
        if change.what == "Kubernetes" and change.old and change.new:
            yield from (_kubernetes(start, change.new) for start in _left(change))
        if change.what == "Talos" and change.new:
            yield from _talos(change)


def _left(change: VersionChange) -> list[str]:
    """Return what clusters run that are to move on: what goes, else the newest there was."""
    gone = [version for version in change.old if version not in change.new]
    return sorted(gone, key=version_key) or [max(change.old, key=version_key)]


def _kubernetes(start: str, there: Sequence[str]) -> str:
    target = max(there, key=version_key)
    if minor_of(target) < minor_of(start):
        return (
            f"Running clusters keep Kubernetes {start}: there is no way back to a minor release "
            f"before it, and `talosctl upgrade-k8s` refuses {target}. Keep {start} among "
            "`kubernetes.versions` until the last of them is made anew; else its images go at the "
            "next `prune` that no kept lock holds back."
        )
    steps = [*_between(start, target)]
    held = {minor: max(_of(minor, there), key=version_key) for minor in steps if _of(minor, there)}
    told = [
        quote(f"talosctl upgrade-k8s --to {held[minor].removeprefix('v')}")
        if minor in held
        else f"one to a release of {_text(minor)}"
        for minor in steps
    ]
    told.append(quote(f"talosctl upgrade-k8s --to {target.removeprefix('v')}"))
    if len(told) == 1:
        return f"Running clusters keep their Kubernetes until {told[0]}."
    missing = join_words([_text(minor) for minor in steps if minor not in held])
    lacks = (
        f" Of {missing} the site holds no images: add a release to `kubernetes.versions` first."
        if missing
        else ""
    )
    return (
        f"Running clusters keep Kubernetes {start} until they are upgraded one minor release at a "
        f"time, which is all that `talosctl upgrade-k8s` does: {', then '.join(told)}.{lacks}"
    )


def _talos(change: VersionChange) -> Iterator[str]:
    gone = [version for version in change.old if version not in change.new]
    if not gone:
        return
    yield (
        f"For machines that still run Talos {join_words(gone)} the site makes no files any "
        "more: upgrade them, or keep the release among `talos.versions` until the last one "
        "is upgraded. Their installer and images go at the next `prune` that no kept lock "
        "holds back."
    )
    target = max(change.new, key=version_key)
    for start in sorted(gone, key=version_key):
        if minor_of(target) < minor_of(start):
            yield (
                f"Talos is upgraded and not moved back: from {start} to {target} there is "
                "`talosctl rollback` alone, for a machine that ran it right before, or a new "
                "installation."
            )
            continue
        there = {minor_of(version) for version in change.new}
        if missing := [each for each in _between(start, target) if each not in there]:
            minors = join_words([_text(minor) for minor in missing])
            yield (
                f"Talos tests upgrades from one minor release to the next alone: from {start} to "
                f"{target} machines go by the last release of {minors}, which the site does not "
                "hold. Add it to `talos.versions` first."
            )


def _between(start: str, target: str) -> Iterator[tuple[int, ...]]:
    """Yield the minor releases between two, both left out; nothing over a major one."""
    (major, first), (other, last) = minor_of(start), minor_of(target)
    if major == other:
        yield from ((major, minor) for minor in range(first + 1, last))


def _of(minor: tuple[int, ...], versions: Sequence[str]) -> list[str]:
    return [version for version in versions if minor_of(version) == minor]


def _text(minor: tuple[int, ...]) -> str:
    return ".".join(map(str, minor))
