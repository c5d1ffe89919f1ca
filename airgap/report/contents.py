"""What changes of the bytes a site holds: images, boot assets, schematics.

An image is the same by repository, tag and digest, whatever it is needed by: what the other side
has under any need is neither gone nor new.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set

from airgap.report.keys import compare_keys, flatten, path_text, show
from airgap.report.model import (
    AssetChange,
    ImageChange,
    Mark,
    NeedChange,
    Pin,
    PlatformChange,
    SchematicChange,
)
from airgap.report.scene import Asset, Image, Scene, part

__all__ = [
    "anchor",
    "compare_assets",
    "compare_images",
    "compare_needs",
    "compare_platforms",
    "compare_schematics",
    "mark_of",
]

NEEDS = ("talos", "kubernetes", "extensions", "factory", "sidero", "workloads", "signatures")
"""The sets of images, in the order a reviewer thinks of them."""


def anchor(*words: str) -> str:
    """Return where the page has something: letters, digits, dashes; other words, another place."""
    told = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-").lower()
    return f"{told}-{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:6]}"


def mark_of(old: object, new: object) -> Mark:
    """Return what became of something that is there on one side at least."""
    return "changed" if old and new else "added" if new else "removed"


def compare_images(base: Scene, head: Scene) -> tuple[ImageChange, ...]:
    """Return the images that differ, by need, then by repository."""
    kept = {_key(image) for image in base.images} & {_key(image) for image in head.images}
    before, after = (_by_repository(scene, kept) for scene in (base, head))
    changes = (
        _image_change(key, before.get(key, ()), after.get(key, ()))
        for key in sorted({*before, *after}, key=lambda key: (_place(key[0]), key[1]))
    )
    return tuple(changes)


_Key = tuple[str, str, str]


def _key(image: Image) -> _Key:
    return image.repository, image.tag, image.digest


def compare_needs(base: Scene, head: Scene) -> tuple[NeedChange, ...]:
    """Return the images that stay and are needed by something else, by name."""
    before, after = (
        {_key(image): image.need for image in sorted(scene.images, key=_key)}
        for scene in (base, head)
    )
    return tuple(
        NeedChange(
            id=anchor("need", *key),
            repository=key[0],
            pin=Pin(tag=key[1], digest=key[2]),
            old=need,
            new=after[key],
        )
        for key, need in before.items()
        if after.get(key, need) != need
    )


def compare_platforms(base: Scene, head: Scene) -> tuple[PlatformChange, ...]:
    """Return the platforms that images which stay have more or less, by name."""
    before, after = ({_key(image): image for image in scene.images} for scene in (base, head))
    there = {digest for image in base.images for digest in image.parts}
    found: dict[tuple[Mark, str], dict[str, int]] = {}
    counts: Counter[tuple[Mark, str]] = Counter()
    for key, old in before.items():
        new = after.get(key, old)
        sides: tuple[tuple[Mark, Image, Image], ...] = (("added", new, old), ("removed", old, new))
        for mark, one, other in sides:
            for platform in one.platforms.keys() - other.platforms.keys():
                digest = one.platforms[platform]
                counts[mark, platform] += 1
                sizes = found.setdefault((mark, platform), {})
                if mark == "removed" or digest not in there:
                    sizes[digest] = one.parts[digest]
    return tuple(
        PlatformChange(
            platform=platform,
            mark=mark,
            images=counts[mark, platform],
            size_bytes=sum(sizes.values()),
        )
        for (mark, platform), sizes in sorted(found.items())
    )


def _place(need: str) -> int:
    return NEEDS.index(need) if need in NEEDS else len(NEEDS)


def _by_repository(scene: Scene, kept: Set[_Key]) -> Mapping[tuple[str, str], tuple[Image, ...]]:
    """Return the images by need and repository, without those that are kept."""
    found: defaultdict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in scene.images:
        if _key(image) not in kept:
            found[image.need, image.repository].append(image)
    return {key: tuple(images) for key, images in found.items()}


def _image_change(
    key: tuple[str, str], old: tuple[Image, ...], new: tuple[Image, ...]
) -> ImageChange:
    told = old if old and not any(image.parts for image in new) else new
    sizes = [image.size_bytes for image in told]
    return ImageChange(
        id=anchor("image", *key),
        repository=key[1],
        need=key[0],
        mark=mark_of(old, new),
        old=tuple(Pin(tag=image.tag, digest=image.digest) for image in old),
        new=tuple(Pin(tag=image.tag, digest=image.digest) for image in new),
        size_bytes=None if None in sizes else sum(size for size in sizes if size is not None),
        why=tuple(dict.fromkeys(reason for image in told for reason in image.why)),
    )


def compare_assets(base: Scene, head: Scene) -> tuple[AssetChange, ...]:
    """Return the boot assets that differ, by name."""
    return tuple(
        _asset_change(name, old, new)
        for name in sorted({*base.assets, *head.assets})
        for old, new in ((base.assets.get(name), head.assets.get(name)),)
        if (old and old.sha512) != (new and new.sha512)
    )


def _asset_change(name: str, old: Asset | None, new: Asset | None) -> AssetChange:
    told = new if new and new.size_bytes is not None else old or new
    return AssetChange(
        id=anchor("asset", name),
        name=name,
        mark=mark_of(old, new),
        old=old.sha512 if old else "",
        new=new.sha512 if new else "",
        size_bytes=told.size_bytes if told else None,
        why=told.why if told else (),
    )


def compare_schematics(base: Scene, head: Scene) -> tuple[SchematicChange, ...]:
    """Return the schematics that come, go, or get other classes, by their first class."""
    before, after = _schematics(base), _schematics(head)
    found = [
        *(_came(identity, before, after) for identity in after if identity not in before),
        *(_went(identity, before) for identity in before if identity not in after),
        *(
            _moved(identity, before, after)
            for identity in after
            if identity in before and before[identity][1] != after[identity][1]
        ),
    ]
    return tuple(sorted(found, key=lambda change: (change.classes, change.mark)))


_Known = Mapping[str, tuple[Mapping[str, object], tuple[str, ...]]]


def _schematics(scene: Scene) -> _Known:
    """Return content and classes by ID."""
    classes: defaultdict[str, list[str]] = defaultdict(list)
    contents: dict[str, Mapping[str, object]] = {}
    listed = part(scene.inputs("ImageFactory"), "schematics")
    for name in listed:
        item = part(listed, name)
        identity = str(item.get("id", ""))
        classes[identity].append(name)
        contents[identity] = part(item, "schematic")
    return {identity: (contents[identity], tuple(classes[identity])) for identity in contents}


def _came(identity: str, before: _Known, after: _Known) -> SchematicChange:
    content, classes = after[identity]
    replaced = [old for old, (_, owners) in before.items() if set(owners) & set(classes)]
    return SchematicChange(
        id=anchor("schematic", identity[:16]),
        schematic_id=identity,
        mark="added",
        classes=classes,
        content=tuple(_spell(content)),
        replaces=tuple(replaced),
        keys=compare_keys(before[replaced[0]][0], content) if len(replaced) == 1 else (),
    )


def _went(identity: str, before: _Known) -> SchematicChange:
    content, classes = before[identity]
    return SchematicChange(
        id=anchor("schematic", identity[:16]),
        schematic_id=identity,
        mark="removed",
        classes=classes,
        content=tuple(_spell(content)),
    )


def _moved(identity: str, before: _Known, after: _Known) -> SchematicChange:
    content, classes = after[identity]
    others = (old for old, (_, owners) in before.items() if set(owners) & set(classes))
    return SchematicChange(
        id=anchor("schematic", identity[:16]),
        schematic_id=identity,
        mark="changed",
        classes=classes,
        content=tuple(_spell(content)),
        replaces=tuple(old for old in others if old != identity),
    )


_WORDS = {
    "customization.systemExtensions.officialExtensions": "system extensions",
    "customization.extraKernelArgs": "kernel arguments",
    "customization.meta": "META",
    "customization.bootloader": "boot loader",
    "overlay.name": "overlay",
    "overlay.image": "overlay's image",
}


def _spell(content: Mapping[str, object]) -> Iterator[str]:
    """Yield what a schematic contains, a line a thing."""
    for path, value in flatten(content):
        if value in ({}, [], ""):
            continue
        text = path_text(path)
        yield f"{_WORDS.get(text, text.removeprefix('customization.'))}: {show(path, value)}"
