"""What a cache is to hold: of a site and its lock, or of the store by reference."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from airgap.cli.project import Project
from airgap.digest import Digest
from airgap.errors import AirgapError
from airgap.lock import check_lock, read_lock
from airgap.oci.reference import parse_reference
from airgap.plan.cache_content import CacheContent, select_content
from airgap.site.check.nodes import read_size
from airgap.site.model import Site
from airgap.store import Store

__all__ = ["Chosen", "choose_images", "choose_of_site", "find_site_store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A cache's content, the release and architecture it is for, and what is not in it.

    `volume_bytes` is the room on machines' disks, where the site has one.
    """

    content: CacheContent
    talos: str = ""
    architecture: str = ""
    left_out: Mapping[str, str]
    without_registry: bool = False
    volume_bytes: float | None = None


def find_site_store(project: Project, place: Path | None) -> Path:
    """Return the store: as given, or the project's."""
    return (place or project.store).absolute()


def choose_of_site(
    project: Project,
    name: str,
    *,
    talos: str | None = None,
    architecture: str | None = None,
    signatures: bool | None = None,
) -> Chosen:
    """Return what the machines of a site need.

    Raises:
        UsageError: The site has several releases or architectures, and none was named.
        LockError: The lock is not that of the site.
    """
    site = project.read_site(name)
    lock = read_lock(project.lock_file(name))
    check_lock(site, lock, name=name)
    release = _only("--talos", talos, site.talos.versions)
    target = _only("--architecture", architecture, site.architectures)
    if signatures is not None:
        cache = site.image_cache.model_copy(update={"signatures": signatures})
        site = site.model_copy(update={"image_cache": cache})
    selection = select_content(site, lock, release, target)
    return Chosen(
        content=selection.content,
        talos=release,
        architecture=target,
        left_out=selection.left_out,
        without_registry=site.registry.kind == "none",
        volume_bytes=_volume_bytes(site),
    )


def choose_images(
    store: Store, text: str, platforms: tuple[str, ...], *, signatures: bool
) -> Chosen:
    """Return images of the store by reference: a list with commas, or `-` for standard input.

    Raises:
        AirgapError: The store has none of such a name.
        UsageError: No image was named.
    """
    words = sys.stdin.read() if text == "-" else text
    names = [word for word in words.replace(",", " ").split() if word]
    if not names:
        raise click.UsageError("--images names none")
    held = store.names()
    images = {}
    for name in names:
        key = str(parse_reference(name))
        if key not in held:
            hint = "`python -m airgap store list` tells the names; `store add` brings more"
            raise AirgapError(f"{store.root} has no {key}", hint=hint)
        images[key] = str(held[key].digest)
    content = CacheContent(platforms=platforms, images=dict(sorted(images.items())))
    if signatures:
        content = replace(content, signatures=dict(_signatures(store, content)))
    return Chosen(content=content, left_out={})


def _only(option: str, asked: str | None, known: tuple[str, ...]) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None:
        raise click.UsageError(f"the site has several; name one: {option} {'|'.join(known)}")
    if asked not in known:
        raise click.UsageError(f"{option} {asked}: the site has {', '.join(known)}")
    return asked


def _volume_bytes(site: Site) -> float | None:
    """Return how much the partition takes that Talos copies a medium's cache to, if it has one."""
    volume = site.image_cache.volume
    return read_size(volume.max_size) if volume else None


def _signatures(store: Store, content: CacheContent) -> Iterator[tuple[str, str]]:
    """Yield what the store holds under an image's own repository for its digests."""
    named = {parse_reference(name): item for name, item in store.names().items()}
    for text, digest in content.images.items():
        image = parse_reference(text)
        index = store.manifest(Digest.parse(digest))
        digests = {index.digest, *(child.digest for child in index.children)}
        tags = {f"sha256-{each.hex}{form}" for each in digests for form in ("", ".sig")}
        for reference, item in named.items():
            if reference.name == image.name and reference.tag in tags:
                yield str(reference), str(item.digest)
