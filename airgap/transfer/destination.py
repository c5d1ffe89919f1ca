"""Where a site's images and boot assets go, and what its sets hold: values, no I/O.

A destination's identity is what cannot change without being another place (kind, endpoint, path
prefix, layout; kind, URL, path). Trust and permission to overwrite are not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from airgap.digest import Digest
from airgap.oci.reference import path_component
from airgap.store.assets import content_path

__all__ = [
    "AssetItem",
    "ImageItem",
    "MirrorDestination",
    "RegistryDestination",
    "is_inside",
]

_KEEPER_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageItem:
    """An image as a set names it: `registry/repository`, its tag (or none), its digest."""

    name: str
    tag: str
    digest: Digest

    @property
    def key(self) -> str:
        """`registry/repository[:tag]@digest`: what the ledger calls it."""
        return f"{self.name}{':' if self.tag else ''}{self.tag}@{self.digest}"

    @property
    def label(self) -> str:
        """`registry/repository:tag`, or `…@digest` where there is no tag: for people."""
        return f"{self.name}:{self.tag}" if self.tag else f"{self.name}@{self.digest}"

    @property
    def keeper(self) -> str:
        """The tag in a registry: the image's own, or one that keeps an untagged image there.

        Clean-ups remove manifests without a tag (distribution's `--delete-untagged`, Harbor).
        """
        return self.tag or f"digest-{self.digest.hex[:_KEEPER_DIGITS]}"

    @classmethod
    def parse(cls, key: str) -> ImageItem:
        """Read a `key` back.

        Raises:
            IntegrityError: It has no digest.
        """
        reference, _, digest = key.rpartition("@")
        folder, slash, last = reference.rpartition("/")
        repository, _, tag = last.partition(":")
        return cls(name=f"{folder}{slash}{repository}", tag=tag, digest=Digest.parse(digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetItem:
    """A boot asset as a set names it, its digests and its size.

    `name` is `<version>/<file>`; of what a factory made, `<version>/<schematic ID>/<file>`.
    """

    name: str
    sha256: Digest
    sha512: Digest
    size: int

    @property
    def keys(self) -> tuple[str, ...]:
        """`<path>@<sha256>` for each of its paths: what the ledger calls them."""
        return tuple(self.key(path) for path in self.paths)

    def key(self, path: str) -> str:
        """Return what the ledger calls this asset at one of its paths."""
        return f"{path}@{self.sha256}"

    @property
    def paths(self) -> tuple[str, str]:
        """Where it is published: the plain path, and the content-addressed one."""
        return (self.name, self.content_path)

    @property
    def content_path(self) -> str:
        """`<its directory>/<sha512[:16]>/<file>`, the path whose bytes never change."""
        return content_path(self.name, self.sha512)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDestination:
    """A site's registry as images are pushed to it (or, `embedded`, served by us; or `none`)."""

    kind: Literal["existing", "embedded", "none"]
    endpoint: str
    path_prefix: str = ""
    layout: Literal["prefix", "flat"] = "prefix"
    ca: str | None = None
    overwrite: bool = False

    @property
    def identity(self) -> str:
        """What makes it this destination and no other."""
        return f"{self.kind} {self.endpoint.rstrip('/')} {self.path_prefix} {self.layout}"

    @property
    def twin(self) -> RegistryDestination:
        """The same registry in the other layout: what is there can be mounted from there."""
        return replace(self, layout="prefix" if self.layout == "flat" else "flat")

    def reference(self, item: ImageItem) -> str:
        """Return what the registry is asked for: a tag, if need be the one that keeps the image.

        A store that is served has no clean-up: there it is the digest where there is no tag.
        """
        return item.tag or str(item.digest) if self.kind == "embedded" else item.keeper

    def repository(self, name: str) -> str:
        """Return where `registry/repository` lies: below its upstream host, or flat."""
        host, _, repository = name.partition("/")
        folder = "" if self.layout == "flat" else path_component(host)
        parts = (self.path_prefix, folder, repository)
        return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorDestination:
    """A site's asset mirror: a directory that a web server serves (or, `embedded`, we do)."""

    kind: Literal["directory", "embedded"]
    url: str
    path: str = ""
    ca: str | None = None

    @property
    def identity(self) -> str:
        """What makes it this destination and no other."""
        return f"{self.kind} {self.url.rstrip('/')} {self.path}"


def is_inside(path: str) -> bool:
    """Tell whether a path is relative and leads nowhere but down; links are not looked at."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts
