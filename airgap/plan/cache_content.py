"""What an image cache holds, and what it is known by: references, digests, platforms.

Derived from the site and its lock: what machines of a Talos release pull, for one architecture.
What a lock's images are needed by decides; what nobody can say of stays in, since an image too many
costs bytes and one too few costs a boot. Nothing is read: bytes are `airgap.imagecache`'s.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, get_args

from airgap.lock.keys import image_key
from airgap.lock.model import SITE_IMAGES, ImagePin, Lock
from airgap.lock.workloads import MANIFEST
from airgap.oci.manifest import Platform
from airgap.oci.reference import parse_reference
from airgap.oci.subset import is_chosen
from airgap.plan.schematics import installer_way
from airgap.site.model import ServerClass, Site
from airgap.talos import minor_of, release_for

__all__ = [
    "ALL_PLATFORMS",
    "CACHE_FORMAT",
    "EXTENSIONS",
    "CacheContent",
    "CacheForm",
    "FileForm",
    "cache_file",
    "select_content",
]

CACHE_FORMAT = 1
"""Counts up when the same content gives other bytes: published paths carry it in their key."""

FileForm = Literal["tar", "flat", "iso", "vfat"]
"""What is one file: a tar of the OCI layout, a tar of the tree, two media."""
CacheForm = Literal["tar", "flat", "iso", "vfat", "image"]

EXTENSIONS: Mapping[FileForm, str] = dict(
    zip(get_args(FileForm), ("oci.tar", "flat.tar", "iso", "vfat.img"), strict=True)
)
ALL_PLATFORMS = "all"
_KEY_DIGITS = 16
_SIGNATURES_SINCE = (1, 13)

_OF_SIGNATURES = "signature of "
_NOT_OF_MACHINES = ("image factory ", "whole catalogue of ", "sidero ", "management.")
_SERVER_CLASS = "server class "


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheContent:
    """An image cache by what is in it.

    Attributes:
        platforms: `os/architecture`, the first one being that of the OCI wrapper; `("all",)` for
            every platform that there is.
        images: Digest by reference, as a lock has it: `registry/repository:tag`, or `…@digest`.
        signatures: The same for what vouches for them.
    """

    platforms: tuple[str, ...]
    images: Mapping[str, str]
    signatures: Mapping[str, str] = field(default_factory=dict)

    @property
    def outer_platform(self) -> str:
        """What the OCI wrapper says it is for: the first one, and of all of them amd64."""
        first = self.platforms[0]
        return "linux/amd64" if first == ALL_PLATFORMS else first

    def key(self, form: str) -> str:
        """Return what a cache of this content in this form is known by: a sha256 in hex."""
        document = {
            "format": CACHE_FORMAT,
            "form": form,
            "platforms": list(self.platforms),
            "images": dict(self.images),
            "signatures": dict(self.signatures),
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was chosen of a lock, and why the rest is not in: by reference."""

    content: CacheContent
    left_out: Mapping[str, str]


def cache_file(content: CacheContent, form: FileForm, talos: str, architecture: str) -> str:
    """Return the path below the asset mirror: content-addressed, as those of boot assets are."""
    key = content.key(form)[:_KEY_DIGITS]
    return f"{talos}/image-cache-{key}-{architecture}.{EXTENSIONS[form]}"


def select_content(site: Site, lock: Lock, talos: str, architecture: str) -> Selection:
    """Choose what machines of a Talos release and architecture pull.

    Left out is, with the reason: what other releases need, what the management cluster and the
    Image Factory need (unless the site's own images or manifests name it as well), what has
    nothing for the architecture, and installers that the site's factory makes when it is asked.
    """
    classes = {f"{_SERVER_CLASS}{item.name}" for item in _classes(site, talos, architecture)}
    machines = frozenset({f"talos {talos}", *_kubernetes(site, talos), *classes})
    chosen: dict[str, str] = {}
    left_out = dict(_built_on_site(site, talos, architecture))
    for reference, pin in sorted(lock.images.items()):
        if pin.need == "signatures":
            continue
        if reason := _why_not(pin, machines, architecture):
            left_out[reference] = reason
        else:
            chosen[reference] = pin.digest
    carried = _carries_signatures(site, talos)
    content = CacheContent(
        platforms=(f"linux/{architecture}",),
        images=chosen,
        signatures=dict(_signatures(lock, chosen, architecture)) if carried else {},
    )
    return Selection(content=content, left_out=left_out)


def _kubernetes(site: Site, talos: str) -> Iterator[str]:
    """Yield the reasons by which images of the Kubernetes that the release runs are locked."""
    release = release_for(talos, site.talos.components)
    fitting = [each for each in site.kubernetes.versions if release.supports_kubernetes(each)]
    yield from (f"kubernetes {each}" for each in fitting or [release.kubernetes])


def _why_not(pin: ImagePin, machines: Collection[str], architecture: str) -> str:
    """Return why an image is not in; nothing when it is."""
    if not any(_is_for_machines(pin, reason, machines) for reason in pin.needed_by):
        return f"these machines do not pull it: {', '.join(pin.needed_by)}"
    if pin.platforms and not any(_is_for(architecture, name) for name in pin.platforms):
        return f"it has nothing for linux/{architecture}"
    return ""


def _is_for_machines(pin: ImagePin, reason: str, machines: Collection[str]) -> bool:
    if reason == SITE_IMAGES or reason.startswith(MANIFEST):
        return True
    if pin.need in ("sidero", "extensions", "factory") or reason.startswith(_NOT_OF_MACHINES):
        return False
    of_some = ("talos ", "kubernetes ", _SERVER_CLASS)
    return not reason.startswith(of_some) or reason in machines


def _is_for(architecture: str, name: str) -> bool:
    """Judge a platform by its key in a pin, which may be numbered (`windows/amd64#2`)."""
    os, held, *variant = name.partition("#")[0].split("/")
    platform = Platform(os=os, architecture=held, variant="/".join(variant))
    return is_chosen(platform, (f"linux/{architecture}",))


def _classes(site: Site, talos: str, architecture: str) -> Iterator[ServerClass]:
    """Yield the server classes whose machines boot a release on an architecture."""
    booted = {
        item.name
        for item in site.environments
        if (item.talos, item.architecture) == (talos, architecture)
    }
    yield from (item for item in site.server_classes if item.environment in booted)


def _built_on_site(site: Site, talos: str, architecture: str) -> Iterator[tuple[str, str]]:
    if installer_way(site) != "builtOnSite":
        return
    for item in _classes(site, talos, architecture):
        reason = "the site's Image Factory makes it when it is pulled: it has no digest yet"
        yield f"installer of server class {item.name}", reason


def _carries_signatures(site: Site, talos: str) -> bool:
    if site.image_cache.signatures is not None:
        return site.image_cache.signatures
    return minor_of(talos) >= _SIGNATURES_SINCE


def _signatures(lock: Lock, chosen: Iterable[str], architecture: str) -> Iterator[tuple[str, str]]:
    """Yield what vouches for an image that is in, or for its platform; no attestations."""
    reasons = {f"{_OF_SIGNATURES}{image_key(parse_reference(text))}" for text in chosen}
    elsewhere = {
        child.digest.replace(":", "-")
        for text in chosen
        for name, child in lock.images[text].platforms.items()
        if not _is_for(architecture, name)
    }
    for reference, pin in sorted(lock.images.items()):
        subject, _, kind = (parse_reference(reference).tag or "").partition(".")
        if pin.need != "signatures" or kind in ("att", "sbom") or subject in elsewhere:
            continue
        if reasons.intersection(pin.needed_by):
            yield reference, pin.digest
