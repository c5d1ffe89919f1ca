"""Store → asset mirror: caches as files whose paths carry a key of what is in them.

The same content is always the same bytes, so a file that is there is adopted when it is what would
be made. The ledger knows what this program made; the key in the path makes that a record of the
content, too. Afterwards each file is read back through the mirror's URL, as boot assets are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airgap.errors import AirgapError, PublishError, TransferError
from airgap.imagecache.contents import Warn, build_tree, check_typed
from airgap.imagecache.forms import fill_file
from airgap.imagecache.tree import Tree
from airgap.net import RetryPolicy, Traffic
from airgap.plan.cache_content import CacheContent, FileForm
from airgap.progress import Meter, Progress, Tally
from airgap.store import FileDigests, Store, hash_file, make_served, split_key
from airgap.store.partial import PartialFile, partial_file, refuse, sweep
from airgap.transfer.checksums import merge_checksums
from airgap.transfer.destination import AssetItem, MirrorDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.observe import StatCache, hash_of
from airgap.transfer.pool import Failures
from airgap.transfer.readback import MirrorReader

__all__ = ["Paths", "keys_of", "observe_caches", "publish_caches"]

Paths = Mapping[FileForm, str]
"""Where each form is, below the mirror."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cache:
    """A cache that is at its place: its bytes, and whether they had to be brought."""

    path: str
    digests: FileDigests
    outcome: Literal["present", "published"]

    @property
    def key(self) -> str:
        """`<path>@<sha256>`: what the ledger calls it."""
        return f"{self.path}@{self.digests.sha256}"

    def item(self) -> AssetItem:
        """Return it as the mirror's reader knows files."""
        sha512 = self.digests.sha512
        if sha512 is None:
            raise PublishError(f"{self.path} was hashed by sha256 alone")
        return AssetItem(
            name=self.path, sha256=self.digests.sha256, sha512=sha512, size=self.digests.size
        )


def publish_caches(
    store: Store,
    destination: MirrorDestination,
    set_name: str,
    content: CacheContent,
    paths: Paths,
    ledger: Ledger,
    *,
    talos: str = "",
    typed_only: bool = False,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> int:
    """Bring a cache into the mirror's directory in each of its forms; return how many were made.

    Args:
        store: Holds the images.
        destination: A `directory` mirror.
        set_name: The set they belong to.
        content: What is in the cache.
        paths: Its forms, and where each goes.
        ledger: The destination's record.
        talos: The release it is for, where that is known.
        typed_only: Whether manifests without a media type of their own are refused.
        retry: How patiently to read back.
        traffic: The limits and counts of this run.
        progress: Told of each form.
        warn: Told of manifests that Talos up to 1.12 cannot serve.

    Raises:
        TransferError: Some forms could not be published; the others are there and recorded.
        PublishError: The store does not have all of it, or a manifest is refused.
    """
    root = Path(destination.path)
    with ledger.transferring():
        tree = build_tree(store, content)
        check_typed(tree, talos, typed_only=typed_only, warn=warn)
        publication = _Publication(tree, content.outer_platform, root, set_name, ledger)
        caches, failures = publication.run(paths, progress)
        publication.write_checksums(caches)
        failures += _read_back(destination, caches, retry, traffic)
        if failures:
            raise TransferError(f"set {set_name}", failures)
        ledger.complete(set_name, [cache.key for cache in caches])
    return sum(cache.outcome == "published" for cache in caches)


def observe_caches(
    destination: MirrorDestination, paths: Paths, ledger: Ledger, *, quick: bool = False
) -> dict[FileForm, str]:
    """Return what is wrong with each form: `missing`, or the digest that is there; else "".

    Raises:
        PublishError: A file cannot be read.
    """
    cache = StatCache(ledger.path.with_suffix(".stat.json"), quick=quick)
    observed: dict[FileForm, str] = {}
    for form, path in paths.items():
        try:
            found = cache.digest(Path(destination.path) / path)
        except FileNotFoundError:
            observed[form] = "missing"
            continue
        except OSError as error:
            raise refuse(Path(destination.path) / path, error) from error
        observed[form] = "" if f"{path}@{found}" in keys_of(ledger, [path]) else found
    cache.save()
    return observed


def keys_of(ledger: Ledger, paths: Collection[str]) -> tuple[str, ...]:
    """Return what the ledger knows of these paths."""
    return tuple(key for key in ledger.items() if key.rpartition("@")[0] in paths)


class _Publication:
    def __init__(
        self, tree: Tree, platform: str, root: Path, set_name: str, ledger: Ledger
    ) -> None:
        self._tree = tree
        self._platform = platform
        self._root = root
        self._set = set_name
        self._ledger = ledger
        self._intended: list[str] = []

    def run(self, paths: Paths, progress: Progress | None) -> tuple[list[_Cache], Failures]:
        """Publish one after the other: each reads all blobs, and disks like one reader."""
        caches: list[_Cache] = []
        failures: Failures = []
        tally = Tally(len(paths), progress)
        for form, path in paths.items():
            try:
                make_served((self._root / path).parent, root=self._root)
                cache = self._adopt(path) or self._make(form, path, progress)
            except AirgapError as error:
                failures.append((path, error))
                continue
            caches.append(cache)
            made = cache.outcome == "published"
            tally.add(path, cache.outcome, cache.digests.size if made else 0)
        return caches, failures

    def write_checksums(self, caches: Collection[_Cache]) -> None:
        """Bring each directory's checksums.txt up to date."""
        for cache in caches:
            directory, file = split_key(cache.path)
            with self._ledger.exclusive(directory):
                merge_checksums(self._root / directory, {file: cache.item().sha512})

    def _adopt(self, path: str) -> _Cache | None:
        """Return what is there, if the ledger knows it by these bytes."""
        known = keys_of(self._ledger, [path])
        place = self._root / path
        if not known or not place.is_file():
            return None
        digests = hash_file(place, also_sha512=True)
        if f"{path}@{digests.sha256}" not in known:
            return None
        cache = _Cache(path=path, digests=digests, outcome="present")
        self._intend(cache)
        self._ledger.mark(found=[cache.key])
        return cache

    def _make(self, form: FileForm, path: str, progress: Progress | None) -> _Cache:
        place = self._root / path
        try:
            sweep(place.parent)
            with partial_file(place.parent) as partial:
                meter = Meter(path, self._tree.size_bytes, progress)
                fill_file(form, self._tree, self._platform, partial, told=meter.add)
                return self._commit(path, partial)
        except OSError as error:
            raise refuse(place, error) from error

    def _commit(self, path: str, partial: PartialFile) -> _Cache:
        """Give what was made its name, unless it is there already; record it before it is seen."""
        place = self._root / path
        digests = hash_file(partial.path, also_sha512=True)
        is_there = place.exists() and hash_of(place) == str(digests.sha256)
        if place.exists() and not is_there and not self._is_ours(path):
            raise PublishError(
                f"{place} is there with other bytes, and this program did not publish it",
                hint="move it away, if it is not needed",
            )
        outcome: Literal["present", "published"] = "present" if is_there else "published"
        cache = _Cache(path=path, digests=digests, outcome=outcome)
        self._intend(cache)
        self._ledger.mark(
            found=[cache.key] if is_there else [], making=[] if is_there else [cache.key]
        )
        if not is_there:
            partial.commit(place)
            self._ledger.mark_made(cache.key)
        return cache

    def _is_ours(self, path: str) -> bool:
        return any(
            self._ledger.how(key) in ("made", "making") for key in keys_of(self._ledger, [path])
        )

    def _intend(self, cache: _Cache) -> None:
        self._intended.append(cache.key)
        self._ledger.intend(self._set, self._intended)


def _read_back(
    destination: MirrorDestination,
    caches: Collection[_Cache],
    retry: RetryPolicy | None,
    traffic: Traffic | None,
) -> Failures:
    with MirrorReader(destination, retry=retry, traffic=traffic) as reader:
        return list(_mismatches(reader, caches))


def _mismatches(
    reader: MirrorReader, caches: Collection[_Cache]
) -> Iterator[tuple[str, AirgapError]]:
    for cache in caches:
        item = cache.item()
        try:
            reader.check_at(item, cache.path)
            reader.check_listed(item)
        except AirgapError as error:
            yield cache.path, error
