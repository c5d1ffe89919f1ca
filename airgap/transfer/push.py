"""Store → registry: what is there stays, what another repository has is mounted, the rest is sent.

One HEAD a manifest tells whether an image is there (a present manifest means present blobs). A
blob is sent once a run and mounted everywhere else; children go before their index, the tag last,
so that nobody ever pulls half an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError, RegistryError, TransferError
from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credentials
from airgap.oci.manifest import Descriptor, Manifest
from airgap.store import Store
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.pool import DEFAULT_WORKERS, Failures, run_each
from airgap.transfer.progress import Progress, Tally

__all__ = ["Pushed", "connect", "push_images", "read_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did: images by outcome."""

    present: int
    pushed: int


def connect(
    destination: RegistryDestination,
    *,
    credentials: Credentials | None = None,
    retry: RetryPolicy | None = None,
) -> RegistryClient:
    """Return a client for a destination; the caller closes it."""
    address = RegistryAddress(url=destination.endpoint.rstrip("/"), ca=destination.ca)
    return RegistryClient(address, credentials=credentials, retry=retry)


def push_images(
    store: Store,
    client: RegistryClient,
    destination: RegistryDestination,
    set_name: str,
    items: Sequence[ImageItem],
    ledger: Ledger,
    *,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Pushed:
    """Bring a set's images into a registry, and record them in the ledger.

    A tag with another digest is an error, unless we brought it or the destination says `overwrite`.

    Args:
        store: Holds the images, whole.
        client: Connected to the destination.
        destination: Where they go.
        set_name: The set they belong to.
        items: All images of the set.
        ledger: The destination's record.
        progress: Told of each image that is there, and of each blob.
        workers: How many transfers at a time.

    Raises:
        TransferError: Some images could not be brought; all others are there and recorded.
    """
    with ledger.transferring():
        ledger.intend(set_name, [item.key for item in items])
        push = _Push(store, client, destination, ledger, workers)
        present, missing, failures = push.survey(items)
        ledger.mark(found=[item.key for item in present], making=[item.key for item in missing])
        failures += push.send(missing, present, progress)
        if failures:
            raise TransferError(f"set {set_name}", failures)
        ledger.complete(set_name, [item.key for item in items])
    return Pushed(present=len(present), pushed=len(missing))


def read_images(
    client: RegistryClient,
    destination: RegistryDestination,
    items: Sequence[ImageItem],
    *,
    workers: int = DEFAULT_WORKERS,
) -> dict[str, Digest | None]:
    """Return the digest that each image's tag has at the destination, by `key`; None: not there.

    One HEAD an image.

    Raises:
        TransferError: The registry could not be asked about some.
    """
    by_key = {item.key: item for item in items}

    def observe(key: str) -> Digest | None:
        item = by_key[key]
        found = client.head_manifest(destination.repository(item.name), item.reference)
        return None if found is None else found.digest

    observed, failures = run_each(list(by_key), observe, workers=workers)
    if failures:
        raise TransferError(f"reading {destination.endpoint}", failures)
    return observed


class _Push:
    def __init__(
        self,
        store: Store,
        client: RegistryClient,
        destination: RegistryDestination,
        ledger: Ledger,
        workers: int,
    ) -> None:
        self._store = store
        self._client = client
        self._destination = destination
        self._ledger = ledger
        self._workers = workers
        # A tag that we brought is ours to move: a new lock, or the repair of one that was moved.
        self._ours = {
            ImageItem.parse(key).label
            for key, how in ledger.items().items()
            if how in ("made", "making")
        }

    def survey(
        self, items: Sequence[ImageItem]
    ) -> tuple[list[ImageItem], list[ImageItem], Failures]:
        """Sort the images into those that are there, and those to be sent."""
        by_label = {item.label: item for item in items}
        verdicts, failures = run_each(
            list(by_label), lambda label: self._is_present(by_label[label]), workers=self._workers
        )
        present = [by_label[label] for label, is_there in verdicts.items() if is_there]
        missing = [by_label[label] for label, is_there in verdicts.items() if not is_there]
        return present, missing, failures

    def _is_present(self, item: ImageItem) -> bool:
        repository = self._destination.repository(item.name)
        found = self._client.head_manifest(repository, item.reference)
        if found is None or found.digest == item.digest:
            return found is not None
        if not self._destination.overwrite and item.label not in self._ours:
            raise RegistryError(
                f"the tag is there with {found.digest}, not {item.digest}",
                hint="somebody else's image has this tag: remove it there, or set "
                "registry.overwrite: true in the site",
            )
        return False

    def send(
        self,
        missing: Sequence[ImageItem],
        present: Sequence[ImageItem],
        progress: Progress | None,
    ) -> Failures:
        """Send images: their blobs, each once, then their manifests."""
        by_label = {item.label: item for item in missing}
        trees, failures = run_each(
            list(by_label), lambda label: self._tree(by_label[label]), workers=self._workers
        )
        needs = self._needs(by_label, trees)
        homes = self._homes(present) if needs else {}
        largest_first = sorted(needs, key=lambda digest: -needs[digest].descriptor.size)
        tally = Tally(len(needs) + len(trees), progress)
        _, broken = run_each(
            largest_first,
            lambda digest: self._place(needs[digest], homes.get(digest, ""), tally),
            workers=self._workers,
        )
        lost = {label: error for digest, error in broken for label in needs[digest].labels}
        failures += lost.items()
        whole = [label for label in trees if label not in lost]
        _, refused = run_each(
            whole,
            lambda label: self._put(by_label[label], trees[label], tally),
            workers=self._workers,
        )
        return failures + refused

    def _tree(self, item: ImageItem) -> tuple[Manifest, ...]:
        """Return an image's manifests in the order they are put: children before their index."""
        return tuple(_children_first(self._store, item.digest))

    def _needs(
        self, by_label: Mapping[str, ImageItem], trees: Mapping[str, tuple[Manifest, ...]]
    ) -> dict[str, _Need]:
        needs: dict[str, _Need] = {}
        for label, tree in trees.items():
            repository = self._destination.repository(by_label[label].name)
            for blob in (blob for manifest in tree for blob in manifest.blobs):
                need = needs.setdefault(str(blob.digest), _Need(descriptor=blob))
                need.labels[label] = None
                need.repositories[repository] = None
        return needs

    def _homes(self, present: Sequence[ImageItem]) -> dict[str, str]:
        """Return a repository that is thought to have a blob, for as many as we know of.

        From the images found there now, and from all that the ledger says we brought.
        """
        made = [key for key, how in self._ledger.items().items() if how == "made"]
        homes: dict[str, str] = {}
        for item in (*present, *(ImageItem.parse(key) for key in made)):
            try:
                manifests = list(_children_first(self._store, item.digest))
            except (PublishError, IntegrityError):
                continue  # no longer in this store: nothing is known of its blobs
            for blob in (blob for manifest in manifests for blob in manifest.blobs):
                homes.setdefault(str(blob.digest), self._destination.repository(item.name))
        return homes

    def _place(self, need: _Need, home: str, tally: Tally) -> None:
        """Bring one blob into each repository that needs it, sending it at most once."""
        digest, moved = need.descriptor.digest, 0
        path = self._store.blob_path(digest)
        if not self._store.has(digest):
            raise PublishError(
                f"{digest} is not in the store",
                hint="run `python -m airgap fetch <site>` outside, and carry the store",
            )
        for repository in need.repositories:
            if not self._client.has_blob(repository, digest):
                source = "" if home == repository else home
                way = self._client.upload_blob(repository, need.descriptor, path, mount_from=source)
                moved += need.descriptor.size if way == "uploaded" else 0
            home = repository
        tally.add(str(digest), "uploaded" if moved else "mounted", moved)

    def _put(self, item: ImageItem, tree: tuple[Manifest, ...], tally: Tally) -> None:
        repository = self._destination.repository(item.name)
        for manifest in tree[:-1]:
            self._client.put_manifest(repository, str(manifest.digest), manifest)
        self._client.put_manifest(repository, item.reference, tree[-1])
        self._ledger.mark_made(item.key)
        tally.add(item.label, "pushed")


class _Need:
    """A blob, the repositories that need it and the images it belongs to, each in order."""

    def __init__(self, *, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.repositories: dict[str, None] = {}
        self.labels: dict[str, None] = {}


def _children_first(store: Store, digest: Digest) -> Iterator[Manifest]:
    manifest = store.manifest(digest)
    for child in manifest.children:
        yield from _children_first(store, child.digest)
    yield manifest
