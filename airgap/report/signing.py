"""Whose signatures a change asks for: what need not be signed any more, and what by somebody else.

A requirement is kept where one of the same signer covers all that it covered. What a pattern covers
is told by an example: a name whose parts no pattern can mean but by its `*`.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.report.masking import mask_text
from airgap.report.scene import Scene, part
from airgap.report.wording import join_words, quote, short
from airgap.rules.signed import requirements_of
from airgap.rules.signers import Requirement

__all__ = ["find_resigned", "find_unsigned"]

_RELEASES = "releases of Talos"
_FACTORY = "what the Image Factory reads"


def find_unsigned(base: Scene, head: Scene) -> Iterator[str]:
    """Yield a clause for each requirement that is gone or covers less, unless its factory is."""
    for kind in ("Registry", "AssetMirror", "ImageFactory"):
        before, after = _required(base, kind), _required(head, kind)
        is_gone = kind == "ImageFactory" and head.inputs(kind).get("kind") == "none"
        for old in before if not is_gone else ():
            covering = [new for new in after if _covers(new, old)]
            left = [new.images for new in after if new not in before and _covers(old, new)]
            if any(new not in before or str(new) == str(old) for new in covering):
                continue
            if covering:
                yield f"{_named(kind, old)} needs no signature of {quote(_shown(old))} any more"
            else:
                verb = "need" if kind == "AssetMirror" else "needs"
                only = f", only {join_words([*map(quote, left)])}" if left else ""
                yield f"{_named(kind, old)} {verb} no signature any more{only}"


def find_resigned(base: Scene, head: Scene) -> tuple[str, ...]:
    """Return what must be signed by somebody else than before."""
    found: dict[str, None] = {}
    for kind in ("Registry", "AssetMirror", "ImageFactory"):
        before, after = _required(base, kind), _required(head, kind)
        for old in before:
            covering = [new for new in after if _covers(new, old)]
            is_kept = any(str(new) == str(old) for new in covering)
            if not is_kept and any(new not in before for new in covering):
                found[_named(kind, old)] = None
    return tuple(found)


def _required(scene: Scene, kind: str) -> tuple[Requirement, ...]:
    inputs = scene.inputs(kind)
    if kind == "ImageFactory":
        key = part(inputs, "verification").get("key")
        return (Requirement(images="", key=str(key)),) if key else ()
    return tuple(dict.fromkeys(requirements_of(part(inputs, "signatures"))))


def _covers(wide: Requirement, narrow: Requirement) -> bool:
    return wide.covers(narrow.images.replace("**", "~/~").replace("*", "~"))


def _named(kind: str, item: Requirement) -> str:
    if kind == "Registry":
        return quote(item.images)
    return _RELEASES if kind == "AssetMirror" else _FACTORY


def _shown(item: Requirement) -> str:
    return short(mask_text(str(item)))
