"""Image caches: one for each Talos release and architecture, and where each is published.

A path below the asset mirror carries a key of the content, so that other content is another URL:
what machines or Sidero fetched under one never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from airgap.lock.model import Lock
from airgap.plan.cache_content import (
    EXTENSIONS,
    CacheContent,
    CacheForm,
    cache_file,
    select_content,
)
from airgap.plan.model import PlainValues, ResourcePlan
from airgap.plan.pins import by_repository
from airgap.site.model import Site
from airgap.talos.config import serves_typed_only

__all__ = ["CachePlace", "Places", "cache_places", "cache_sets", "cache_url", "plan_image_caches"]

Places = Literal["files", "image"]
"""The asset mirror, and the registry."""

_FORMS: Mapping[Places, tuple[CacheForm, ...]] = {
    "files": tuple(EXTENSIONS),
    "image": ("image",),
}


def cache_url(site: Site, lock: Lock, talos: str, architecture: str) -> str | None:
    """Return where the tar of a cache is published; None where the site publishes none."""
    if not _publishes(site, "tar"):
        return None
    content = select_content(site, lock, talos, architecture).content
    path = cache_file(content, "tar", talos, architecture)
    return f"{site.asset_mirror.url.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlace:
    """A cache at one destination: its set there, what is in it, and each form's place.

    `typed_only` says that its machines have nowhere else to pull from, and their Talos, up to
    1.12, serves no manifest without a media type of its own.
    """

    set: str
    talos: str
    architecture: str
    content: CacheContent
    published: Mapping[str, str]
    typed_only: bool


def cache_sets(name: str, site: Site, of: Places) -> tuple[str, ...]:
    """Return what the ledgers call the sets of a site's caches at a destination."""
    if not any(_publishes(site, form) for form in _FORMS[of]):
        return ()
    return tuple(_set(name, talos, architecture) for talos, architecture in _targets(site))


def cache_places(name: str, site: Site, lock: Lock, of: Places) -> Iterator[CachePlace]:
    """Yield a site's caches at a destination: the asset mirror's files, the registry's images."""
    forms = [form for form in _FORMS[of] if _publishes(site, form)]
    for talos, architecture in _targets(site) if forms else ():
        content = select_content(site, lock, talos, architecture).content
        published: dict[str, str] = {
            form: f"{site.image_cache.repository}:{talos}-{architecture}"
            if form == "image"
            else cache_file(content, form, talos, architecture)
            for form in forms
        }
        yield CachePlace(
            set=_set(name, talos, architecture),
            talos=talos,
            architecture=architecture,
            content=content,
            published=published,
            typed_only=site.registry.kind == "none" and serves_typed_only(talos),
        )


def plan_image_caches(
    site: Site, lock: Lock, destination: PlainValues, *, name: str, of: Places
) -> tuple[ResourcePlan, ...]:
    """Return the caches that go to a destination.

    Args:
        site: The site.
        lock: Its lock.
        destination: As the sets beside them have it.
        name: The site's name.
        of: `files` for the asset mirror, `image` for the registry.
    """
    return tuple(
        ResourcePlan(
            kind="ImageCache",
            name=f"image-cache-{place.talos}-{place.architecture}",
            inputs={
                "set": place.set,
                "destination": destination,
                "talos": place.talos,
                "architecture": place.architecture,
                "published": place.published,
                "platforms": list(place.content.platforms),
                "images": by_repository(place.content.images),
                **_signatures(place.content),
                **({"typedOnly": True} if place.typed_only else {}),
                "onDelete": site.retention.on_delete,
            },
        )
        for place in cache_places(name, site, lock, of)
    )


def _targets(site: Site) -> Iterator[tuple[str, str]]:
    for talos in site.talos.versions:
        for architecture in site.architectures:
            yield talos, architecture


def _set(name: str, talos: str, architecture: str) -> str:
    return f"{name}/image-cache-{talos}-{architecture}"


def _signatures(content: CacheContent) -> PlainValues:
    return {"signatures": by_repository(content.signatures)} if content.signatures else {}


def _publishes(site: Site, form: str) -> bool:
    return form in site.image_cache.publish
