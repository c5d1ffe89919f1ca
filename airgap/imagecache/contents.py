"""The tree that Talos' registryd serves, from the store: which files there are, and their bytes.

siderolabs/talos pkg/imager/cache/cache.go at v1.9.6 to v1.13.9: `blob/sha256-<hex>` for configs and
layers; below `manifests/<registry>/<repository>`, `reference/<tag>` is the manifest that a tag has
and `digest/sha256-<hex>` the same by digest, and the chosen platform's beside it. An index stays
whole, so that its digest does. Signatures (from 1.13) are references like any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from airgap.digest import Digest
from airgap.errors import PublishError
from airgap.imagecache.tree import Content, StoredFile, Tree
from airgap.oci.manifest import Descriptor, Manifest, Platform
from airgap.oci.reference import Reference, parse_reference
from airgap.oci.referrers import add_referrer, fallback_tag
from airgap.plan.cache_content import ALL_PLATFORMS, CacheContent
from airgap.store import Store
from airgap.talos.config import serves_typed_only

__all__ = ["Warn", "build_tree", "check_typed", "find_untyped"]

Warn = Callable[[str], object]
"""Told, in a sentence, what a person has to know of a cache that is made all the same."""

_DEFAULT_TAG = "latest"
"""What talosctl calls an image that was named by digest alone (go-containerregistry's default)."""
_FETCH = "run `python -m airgap fetch <site>` outside, and carry the store"


def build_tree(store: Store, content: CacheContent) -> Tree:
    """Return the tree of a cache; layers and configs stay in the store until they are written.

    Raises:
        PublishError: Something is not in the store, or an image has nothing for a platform.
        IntegrityError: A manifest has changed.
    """
    building = _Building(store, content.platforms)
    for text, digest in content.images.items():
        building.add_image(parse_reference(text), Digest.parse(digest))
    building.add_signatures(content.signatures)
    building.check()
    found = {**building.untagged, **building.files}  # a tag that somebody named goes first
    files = sorted(found.items(), key=lambda item: item[0].encode())
    return Tree(files=dict(files), directories=frozenset(building.directories))


def find_untyped(tree: Tree) -> tuple[str, ...]:
    """Return the manifests that do not name their own media type, by path.

    registryd up to Talos 1.12 answers 500 for those; from 1.13 on it looks at what they hold.
    """
    return tuple(
        path
        for path, data in tree.files.items()
        if path.startswith("manifests/")
        and isinstance(data, bytes)
        and not json.loads(data).get("mediaType")
    )


def check_typed(
    tree: Tree, talos: str, *, typed_only: bool, warn: Warn | None = None
) -> tuple[str, ...]:
    """Look for manifests that the release cannot serve from a cache; return them.

    Args:
        tree: What is in the cache.
        talos: The release; empty where nobody knows.
        typed_only: Whether they are refused: where there is no registry to pull them from.
        warn: Told of each.

    Raises:
        PublishError: There are some, and they are refused.
    """
    untyped = find_untyped(tree) if not talos or serves_typed_only(talos) else ()
    if typed_only and untyped:
        raise PublishError(
            f"{', '.join(untyped)}: without a media type of its own Talos up to 1.12 answers 500",
            hint="build the image anew with a current tool, give machines a registry, or "
            "use Talos 1.13",
        )
    if warn is not None:
        for path in untyped:
            warn(f"{path} has no media type of its own: Talos up to 1.12 cannot serve it")
    return untyped


@dataclass(slots=True)
class _Building:
    store: Store
    platforms: tuple[str, ...]
    files: dict[str, Content] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    untagged: dict[str, Content] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add_image(self, reference: Reference, digest: Digest) -> None:
        """Add what a reference names, and of an index the chosen platforms."""
        root = self._add_root(reference, digest)
        if root is None:
            return
        if not reference.tag:
            self.untagged[f"{_folder(reference)}/reference/{_DEFAULT_TAG}"] = root.raw
        for child in _choose(root, self.platforms, reference) if root.is_index else ():
            self._add_manifest(reference, child.digest)

    def add_signatures(self, signatures: Mapping[str, str]) -> None:
        """Add what vouches for images, whole; a list of referrers is made where there is none."""
        loose: list[tuple[Reference, Digest, Manifest]] = []
        for text, digest in signatures.items():
            reference = parse_reference(text)
            root = self._add_root(reference, Digest.parse(digest))
            if root is None:
                continue
            for child in root.children:
                self._add_manifest(reference, child.digest)
            if not reference.tag and root.subject is not None:
                loose.append((reference, root.subject.digest, root))
        self._list_referrers(loose)

    def check(self) -> None:
        """Refuse when something was missing: all of it at once.

        Raises:
            PublishError: It was.
        """
        if self.missing:
            names = ", ".join(dict.fromkeys(self.missing))
            raise PublishError(f"the store does not have all of {names}", hint=_FETCH)

    def _add_root(self, reference: Reference, digest: Digest) -> Manifest | None:
        root = self._add_manifest(reference, digest)
        place = f"{_folder(reference)}/reference"
        self.directories.add(place)
        if root is not None and reference.tag:
            self.files[f"{place}/{reference.tag}"] = root.raw
        return root

    def _add_manifest(self, reference: Reference, digest: Digest) -> Manifest | None:
        if not self.store.has(digest):
            self.missing.append(str(reference))
            return None
        manifest = self.store.manifest(digest)
        self.files[f"{_folder(reference)}/digest/{fallback_tag(digest)}"] = manifest.raw
        self._add_blobs(reference, manifest)
        return manifest

    def _add_blobs(self, reference: Reference, manifest: Manifest) -> None:
        for blob in manifest.blobs:
            if not self.store.has(blob.digest):
                self.missing.append(str(reference))
            self.files[f"blob/{fallback_tag(blob.digest)}"] = StoredFile(
                path=self.store.blob_path(blob.digest), size=blob.size, digest=blob.digest
            )

    def _list_referrers(self, loose: Iterable[tuple[Reference, Digest, Manifest]]) -> None:
        """Write the list that a client asks for by tag, where upstream has an API instead.

        Distribution specification v1.1, "Referrers Tag Schema".
        """
        made: dict[tuple[str, str], Manifest] = {}
        for reference, subject, referrer in loose:
            place = (_folder(reference), fallback_tag(subject))
            if place not in made and f"{place[0]}/reference/{place[1]}" in self.files:
                continue  # upstream has a list of its own, and it is carried
            if listed := add_referrer(made.get(place), referrer):
                made[place] = listed
        for (folder, tag), listed in made.items():
            self.files[f"{folder}/reference/{tag}"] = listed.raw
            self.files[f"{folder}/digest/{fallback_tag(listed.digest)}"] = listed.raw


def _folder(reference: Reference) -> str:
    """Return where an image's manifests are; no medium takes the colon of `host:port`."""
    host, colon, port = reference.registry.partition(":")
    registry = f"{host}_{port}_" if colon else host
    return f"manifests/{registry}/{reference.repository}"


def _choose(
    index: Manifest, platforms: tuple[str, ...], reference: Reference
) -> Iterator[Descriptor]:
    """Yield the first child for each platform, as go-containerregistry chooses.

    Raises:
        PublishError: There is none for one of them.
    """
    if platforms == (ALL_PLATFORMS,):
        yield from index.children
        return
    for platform in platforms:
        fitting = (child for child in index.children if _fits(child.platform, platform))
        child = next(fitting, None)
        if child is None:
            raise PublishError(
                f"{reference} has nothing for {platform}",
                hint="leave the image out, or carry that platform: see transfer.platforms",
            )
        yield child


def _fits(platform: Platform | None, wanted: str) -> bool:
    """Tell whether a child is for `os/architecture[/variant]`; what is not asked for is any."""
    os, architecture, *variant = wanted.split("/")
    if platform is None or (platform.os, platform.architecture) != (os, architecture):
        return False
    return not variant or platform.variant == variant[0]
