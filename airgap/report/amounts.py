"""How many bytes a change moves, at most, and how long that takes on a link.

Nobody is asked: a digest that the base names counts as there, each digest counts once, and layers
that images share are not seen. So every amount is an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airgap.report.model import Amount, Duration, Transfer
from airgap.report.scene import Image, Scene, part

__all__ = ["Link", "count_transfer", "parse_link"]

_LINK = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kMGT]?)bit/s\Z")
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link by its author's words."""

    text: str
    bits_per_s: float


def parse_link(text: str) -> Link:
    """Read `100Mbit/s`, `2.5Gbit/s`.

    Raises:
        ValueError: It is something else, or nothing would ever arrive.
    """
    match = _LINK.match(text)
    if match is None or not float(match[1]):
        raise ValueError(f"{text!r}: expected a speed such as 100Mbit/s or 1Gbit/s")
    return Link(text=text, bits_per_s=float(match[1]) * _FACTORS[match[2]])


def count_transfer(base: Scene, head: Scene, links: Sequence[Link]) -> Transfer:
    """Return what is to fetch outside, to carry in, and to push inside."""
    there = {digest for image in base.images for digest in image.parts}
    files = {asset.sha512 for asset in base.assets.values()}
    distinct = {asset.sha512: asset for asset in head.assets.values()}
    new = [asset for sha512, asset in distinct.items() if sha512 not in files]
    own = [asset for asset in new if asset.is_own]
    fetched = [image for image in head.images if not image.is_made_here]
    fetch = _sum(_images(fetched, there), (a.size_bytes for a in new if a not in own))
    carry = _sum(_images(head.images, there), (asset.size_bytes for asset in new))
    push, notes = _push(base, head, there, files)
    return Transfer(
        fetch=_amount(fetch, links),
        carry=_amount(carry, links),
        push=_amount(push, links),
        notes=notes,
    )


def _push(
    base: Scene, head: Scene, there: set[str], files: set[str]
) -> tuple[int | None, tuple[str, ...]]:
    """Return what is to be pushed, and why that is more or less than what is carried."""
    notes = []
    images: int | None = 0
    kind = head.inputs("Registry").get("kind")
    if kind == "existing":
        moved = _is_moved(base, head, "ImageSet")
        if moved and there:
            notes.append("The registry's place or layout changes: every image is pushed there.")
        images = _images(head.images, set() if moved else there)
    elif head.is_there:
        notes.append(
            "The registry is the store itself, served: nothing is pushed to it."
            if kind == "embedded"
            else "There is no registry: machines have their images from an image cache."
        )
    assets: list[int | None] = []
    if head.inputs("AssetMirror").get("kind") == "directory":
        moved = _is_moved(base, head, "AssetSet")
        if moved and files:
            notes.append("The asset mirror's place changes: every boot asset is published there.")
        distinct = {a.sha512: a for a in head.assets.values() if moved or a.sha512 not in files}
        assets = [asset.size_bytes for asset in distinct.values()]
    if _caches(head) and _caches(base) != _caches(head):
        notes.append("Image caches are published beside that: their bytes are not counted.")
    return _sum(images, assets), tuple(notes)


def _caches(scene: Scene) -> dict[str, tuple[object, ...]]:
    """Return what is in the image caches that `up` publishes, and where they go."""
    keys = ("destination", "published", "platforms", "images")
    return {
        view.key: tuple(view.inputs.get(key) for key in keys)
        for view in scene.of_kind("ImageCache")
    }


def _is_moved(base: Scene, head: Scene, kind: str) -> bool:
    """Tell whether what the base holds is not where the head's sets of a kind go.

    A registry of kind `none` has no sets, and the store that is served is another place than a
    registry under the same URL.
    """
    return base.is_there and _destination(base, kind) != _destination(head, kind)


def _destination(scene: Scene, kind: str) -> tuple[object, ...] | None:
    """Return what identifies where a kind of set goes; None where there is no such set.

    Of image sets those of the site's own layout: a factory's are beside them, always flat.
    """
    for view in scene.of_kind(kind):
        if kind == "ImageSet" and not view.name.startswith("images-"):
            continue
        values = part(view.inputs, "destination")
        keys = ("kind", "endpoint", "pathPrefix", "layout", "path")
        return tuple(values.get(key) for key in keys)
    return None


def _images(images: Iterable[Image], there: set[str]) -> int | None:
    """Return the size of the images' parts that are not there, each once."""
    seen = set(there)
    total = 0
    for image in images:
        if not image.parts:
            if image.digest not in seen:
                return None
            continue
        fresh = {digest: size for digest, size in image.parts.items() if digest not in seen}
        seen.update(fresh)
        whole = image.size_bytes
        total += sum(fresh.values()) if whole is None else min(whole, sum(fresh.values()))
    return total


def _sum(first: int | None, more: Iterable[int | None]) -> int | None:
    total = first
    for size in more:
        if total is None or size is None:
            return None
        total += size
    return total


def _amount(size: int | None, links: Sequence[Link]) -> Amount:
    times = (
        Duration(link=link.text, seconds=round(size * 8 / link.bits_per_s, 3))
        for link in (links if size else ())
        if size
    )
    return Amount(size_bytes=size, durations=tuple(times))
