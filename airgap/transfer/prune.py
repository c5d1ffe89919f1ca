"""Remove from a site's destinations what nothing names any more.

Kept is what any given lock names, what any set in the ledger names, and everything that was there
before us (`found`). Refused while somebody transfers to the destination. A registry that does not
delete (405) is reported, item by item, and asked nothing more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import Credentials
from airgap.site.model import Site
from airgap.store import CHECKSUMS, hash_file
from airgap.store.partial import refuse
from airgap.transfer.checksums import remove_checksums
from airgap.transfer.destination import ImageItem, MirrorDestination, RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.limits import site_traffic
from airgap.transfer.push import connect
from airgap.transfer.wanted import artifacts_of, assets_of, images_of, mirror_of, registry_of

__all__ = ["Removal", "find_unrecorded", "prune_site", "remove_assets", "remove_images"]

_DOES_NOT_DELETE = (400, 401, 403, 405)
Outcome = Literal["removed", "gone", "changed", "would remove", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What became of one item that nothing names.

    `gone`: it was no longer there. `changed`: something else is there by now, and stays.
    `refused`: the registry does not delete; `detail` says what it answered.
    """

    item: str
    outcome: Outcome
    detail: str = ""


def prune_site(
    site: Site,
    *,
    keep: Sequence[Lock],
    store_root: Path,
    credentials: Credentials | None = None,
    dry_run: bool = False,
    traffic: Traffic | None = None,
) -> tuple[Removal, ...]:
    """Remove what neither a lock nor a set names from the site's registry and asset mirror.

    Args:
        site: Whose destinations; embedded ones have nothing to remove.
        keep: The locks whose items stay: the site's last ones, and every other site's.
        store_root: Where the store is; the ledgers are beside it.
        credentials: For the registry; this machine's by default.
        dry_run: Only tell.
        traffic: The limits and counts of this run; the site's by default.

    Returns:
        The removals in order, images first.

    Raises:
        PublishError: Somebody transfers to a destination at the moment, or the disk refuses.
        RegistryError: The registry cannot be reached.
    """
    traffic = traffic or site_traffic(site.transfer)
    removals: list[Removal] = []
    registry, mirror = registry_of(site), mirror_of(site)
    if registry.kind == "existing":
        kept = {registry: images_of(keep)}
        if registry.layout == "prefix":  # what factories read lies at the places of the other
            kept[registry.twin] = artifacts_of(keep)
        with connect(registry, credentials=credentials, traffic=traffic) as client:
            for destination, items in kept.items():
                ledger = Ledger(ledger_root(store_root), destination.identity)
                if ledger.is_absent:  # locking it would make it
                    continue
                keys = _unnamed(ledger, {item.key for item in items})
                removals += remove_images(client, destination, ledger, keys, dry_run=dry_run)
    if mirror.kind == "directory":
        ledger = Ledger(ledger_root(store_root), mirror.identity)
        if not ledger.is_absent:
            keys = _unnamed(ledger, {key for item in assets_of(keep) for key in item.keys})
            removals += remove_assets(mirror, ledger, keys, dry_run=dry_run)
    return tuple(removals)


def find_unrecorded(site: Site, *, store_root: Path) -> tuple[str, ...]:
    """Return the URLs of the site's destinations that the ledgers know nothing of.

    Either nothing was brought there yet, or the ledgers lie elsewhere: they move with the store.
    """
    registry, mirror = registry_of(site), mirror_of(site)
    root, unrecorded = ledger_root(store_root), []
    if registry.kind == "existing":
        ledgers = (Ledger(root, place.identity) for place in (registry, registry.twin))
        unrecorded += [registry.endpoint] if all(each.is_absent for each in ledgers) else []
    if mirror.kind == "directory" and Ledger(root, mirror.identity).is_absent:
        unrecorded.append(mirror.url)
    return tuple(unrecorded)


def remove_images(
    client: RegistryClient,
    destination: RegistryDestination,
    ledger: Ledger,
    keys: Collection[str],
    *,
    dry_run: bool = False,
    wait: bool = False,
) -> tuple[Removal, ...]:
    """Remove those of the images that we made and no set names.

    The tag goes if it still has our digest; the manifest goes if no other image that stays has it.
    `wait`: until nobody transfers to the destination; sets are destroyed side by side.

    Raises:
        PublishError: Without `wait`: somebody transfers to the destination at the moment.
        RegistryError: The registry cannot be reached.
    """
    with ledger.pruning(wait=wait):
        doomed = [ImageItem.parse(key) for key in _removable(ledger, keys)]
        gone = {item.key for item in doomed}
        staying = [ImageItem.parse(key) for key in ledger.items() if key not in gone]
        remover = _ImageRemover(client, destination, doomed, staying)
        removals = []
        for item in doomed:
            if dry_run:
                removals.append(Removal(item=item.label, outcome="would remove"))
                continue
            removals.append(remover.remove(item))
            if removals[-1].outcome != "refused":
                ledger.drop([item.key])
    return tuple(removals)


def remove_assets(
    destination: MirrorDestination,
    ledger: Ledger,
    keys: Collection[str],
    *,
    dry_run: bool = False,
    wait: bool = False,
) -> tuple[Removal, ...]:
    """Remove those of the published files that we made and no set names.

    A file whose bytes have changed since is somebody's work, and stays. `wait`: until nobody
    publishes there.

    Raises:
        PublishError: The disk refuses; without `wait`: somebody publishes there at the moment.
    """
    root = Path(destination.path)
    with ledger.pruning(wait=wait):
        removals = []
        directories = set()
        for key in _removable(ledger, keys):
            path, _, digest = key.rpartition("@")
            if dry_run:
                removals.append(Removal(item=path, outcome="would remove"))
                continue
            removals.append(Removal(item=path, outcome=remove_file(root, path, digest)))
            directories |= {str(parent) for parent in PurePosixPath(path).parents[:-1]}
            ledger.drop([key])
        for directory in sorted(directories, key=lambda name: (-name.count("/"), name)):
            _tidy(root / directory, ledger, directory)
    return tuple(removals)


def remove_file(root: Path, path: str, digest: str) -> Literal["removed", "gone", "changed"]:
    """Remove a file below a root if it still has the digest, and directories it leaves empty.

    Raises:
        PublishError: The disk refuses.
    """
    file = root / path
    try:
        if str(hash_file(file).sha256) != digest:
            return "changed"
        file.unlink()
        for parent in file.relative_to(root).parents:
            if str(parent) == "." or any((root / parent).iterdir()):
                break
            (root / parent).rmdir()
    except FileNotFoundError:
        return "gone"
    except OSError as error:
        raise refuse(file, error) from error
    return "removed"


def _unnamed(ledger: Ledger, kept: Collection[str]) -> list[str]:
    return [key for key in ledger.items() if key not in kept]


def _removable(ledger: Ledger, keys: Collection[str]) -> Iterator[str]:
    named, items = ledger.named(), ledger.items()
    for key in keys:
        if key not in named and items.get(key) in ("making", "made"):
            yield key


class _ImageRemover:
    """Removes images' tags, and their manifests where nothing else needs them.

    A manifest's removal takes its tags along (distribution specification v1.1), which also works
    where a registry cannot remove a tag alone (docker-registry 2.8). Children and blobs are the
    registry's to collect.
    """

    def __init__(
        self,
        client: RegistryClient,
        destination: RegistryDestination,
        doomed: Sequence[ImageItem],
        staying: Sequence[ImageItem],
    ) -> None:
        self._client = client
        self._place = destination.repository
        self._doomed = {(self._place(item.name), item.keeper) for item in doomed}
        self._staying = {(self._place(item.name), item.digest) for item in staying}
        self._deleted: set[tuple[str, Digest]] = set()

    def remove(self, item: ImageItem) -> Removal:
        """Remove one image."""
        try:
            return Removal(item=item.label, outcome=self._remove(item))
        except RegistryError as error:
            if error.status not in _DOES_NOT_DELETE:
                raise
            return Removal(item=item.label, outcome="refused", detail=error.message)

    def _remove(self, item: ImageItem) -> Outcome:
        repository = self._place(item.name)
        found = self._client.head_manifest(repository, item.keeper)
        if not self._is_needed(repository, item):
            if self._client.delete_manifest(repository, item.digest):
                self._deleted.add((repository, item.digest))
        elif found is not None and found.digest == item.digest:
            self._client.delete_tag(repository, item.keeper)
            return "removed"
        if found is not None and found.digest != item.digest:
            return "changed"
        return "removed" if (repository, item.digest) in self._deleted else "gone"

    def _is_needed(self, repository: str, item: ImageItem) -> bool:
        """Tell whether an item that stays, or somebody else's tag, has the same manifest."""
        if (repository, item.digest) in self._staying:
            return True
        others = (
            self._client.head_manifest(repository, tag)
            for tag in _tags(self._client, repository)
            if (repository, tag) not in self._doomed
        )
        return any(found is not None and found.digest == item.digest for found in others)


def _tags(client: RegistryClient, repository: str) -> tuple[str, ...]:
    try:
        return client.tags(repository)
    except RegistryError as error:
        if error.status == 404:
            return ()
        raise


def _tidy(directory: Path, ledger: Ledger, name: str) -> None:
    if not directory.is_dir():
        return
    if (directory / CHECKSUMS).exists():
        with ledger.exclusive(name):
            remove_checksums(directory)
    try:
        if not any(directory.iterdir()):
            directory.rmdir()
    except OSError as error:
        raise refuse(directory, error) from error
