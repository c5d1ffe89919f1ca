"""Store (or upstream) → registry: what is there stays, what another repository has is mounted.

One HEAD a manifest tells whether an image is there (a present manifest means present blobs). A
blob is sent once a run and mounted everywhere else, the largest first; an upload that was cut goes
on where the registry's account of it ends. Children go before their index, the tag last, so that
nobody ever pulls half an image; an image that has none gets one which keeps it from clean-ups.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError, TransferError
from airgap.net import RetryPolicy, Traffic
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credentials
from airgap.oci.manifest import Manifest
from airgap.oci.sources import BlobSource, UploadSessions
from airgap.oci.upload import UploadOutcome
from airgap.progress import Meter, Outcome, Planned, Progress, Summary, Tally
from airgap.store import Store
from airgap.transfer.contents import Content, StoreContent
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.pool import DEFAULT_WORKERS, Failures, run_each
from airgap.transfer.schedule import run_jobs
from airgap.transfer.survey import Need, PushSurvey

__all__ = ["Pushed", "connect", "push_images", "push_sets", "read_images"]

_FALLBACK = re.compile(r"sha256-[0-9a-f]{64}")
Sets = Mapping[str, Sequence[ImageItem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did: images by outcome, blobs mounted, and the bytes that went out."""

    present: int
    pushed: int
    mounted: int = 0
    moved_bytes: int = 0

    def joined(self, other: Pushed) -> Pushed:
        """Return what both did."""
        return Pushed(
            present=self.present + other.present,
            pushed=self.pushed + other.pushed,
            mounted=self.mounted + other.mounted,
            moved_bytes=self.moved_bytes + other.moved_bytes,
        )


def connect(
    destination: RegistryDestination,
    *,
    credentials: Credentials | None = None,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
) -> RegistryClient:
    """Return a client for a destination; the caller closes it."""
    address = RegistryAddress(url=destination.endpoint.rstrip("/"), ca=destination.ca)
    return RegistryClient(address, credentials=credentials, retry=retry, traffic=traffic)


def push_images(
    store: Store,
    client: RegistryClient,
    destination: RegistryDestination,
    set_name: str,
    items: Sequence[ImageItem],
    ledger: Ledger,
    *,
    twin: Ledger | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Pushed:
    """Bring one set's images from the store into a registry: see `push_sets`."""
    return push_sets(
        StoreContent(store),
        client,
        destination,
        {set_name: items},
        ledger,
        twin=twin,
        traffic=traffic,
        progress=progress,
        workers=workers,
    )


def push_sets(
    content: Content,
    client: RegistryClient,
    destination: RegistryDestination,
    sets: Sets,
    ledger: Ledger,
    *,
    twin: Ledger | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Pushed:
    """Bring sets of images into a registry in one run, and record them in the ledger.

    A tag with another digest is an error, unless we brought it or the destination says `overwrite`.

    Args:
        content: Holds the images, whole.
        client: Connected to the destination.
        destination: Where they go.
        sets: All images of each set, by its name.
        ledger: The destination's record.
        twin: That of the same registry in the other layout: its blobs are mounted, not sent.
        traffic: The limits and counts of this run, the ones that the client was made with.
        progress: Told of each image that is there, and of each blob.
        workers: How many transfers at a time.

    Raises:
        TransferError: Some images could not be brought; all others are there and recorded.
    """
    began = time.monotonic()
    traffic = traffic or Traffic()
    retried = traffic.counts.retries
    items = {item.key: item for held in sets.values() for item in held}
    with ledger.transferring():
        for name, held in sets.items():
            ledger.intend(name, [item.key for item in held])
        survey = PushSurvey(
            content,
            client,
            destination,
            ledger,
            list(items.values()),
            twin=twin,
            workers=workers,
        )
        ledger.mark(
            found=[item.key for item in survey.present],
            making=[item.key for item in survey.missing],
        )
        push = _Push(content, client, destination, ledger, traffic, progress, workers)
        failures = survey.failures + push.keep(survey.untagged) + push.send(survey)
        failed = {label for label, _ in failures}
        for name, held in sets.items():
            if not failed.intersection(item.label for item in held):
                ledger.complete(name, [item.key for item in held])
    pushed = Pushed(
        present=len(survey.present),
        pushed=len(survey.missing),
        mounted=push.mounted,
        moved_bytes=push.moved_bytes,
    )
    if progress is not None:
        progress(
            Summary(
                moved_bytes=pushed.moved_bytes,
                skipped=pushed.present,
                mounted=pushed.mounted,
                retried=traffic.counts.retries - retried,
                seconds=time.monotonic() - began,
            )
        )
    if failures:
        raise TransferError(f"set {', '.join(sets)}", failures)
    return pushed


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
        repository = destination.repository(item.name)
        found = client.head_manifest(repository, destination.reference(item))
        return None if found is None else found.digest

    observed, failures = run_each(list(by_key), observe, workers=workers)
    if failures:
        raise TransferError(f"reading {destination.endpoint}", failures)
    return observed


class _Push:
    def __init__(
        self,
        content: Content,
        client: RegistryClient,
        destination: RegistryDestination,
        ledger: Ledger,
        traffic: Traffic,
        progress: Progress | None,
        workers: int,
    ) -> None:
        self._content = content
        self._client = client
        self._destination = destination
        self._ledger = ledger
        self._traffic = traffic
        self._progress = progress
        self._workers = workers
        self.mounted = 0
        self.moved_bytes = 0

    def keep(self, untagged: Sequence[ImageItem]) -> Failures:
        """Give images that are there without a tag the one that keeps them."""
        by_label = {item.label: item for item in untagged}

        def tag(label: str) -> None:
            item = by_label[label]
            repository = self._destination.repository(item.name)
            manifest = self._client.manifest(repository, str(item.digest))
            self._client.put_manifest(repository, self._destination.reference(item), manifest)

        return run_each(list(by_label), tag, workers=self._workers)[1]

    def send(self, survey: PushSurvey) -> Failures:
        """Send the images that are missing: their blobs, each once, then their manifests."""
        trees, failures = survey.trees()
        needs = survey.needs(trees)
        homes = survey.homes() if needs else {}
        tally = Tally(len(needs) + len(trees), self._progress)
        if self._progress is not None:
            self._progress(Planned(size_bytes=sum(need.descriptor.size for need in needs.values())))
        jobs = [self._job(need, homes.get(digest, {}), tally) for digest, need in needs.items()]
        broken = run_jobs(jobs, workers=self._workers, traffic=self._traffic)
        self.mounted = sum(job.mounted for job in jobs)
        self.moved_bytes = sum(job.moved_bytes for job in jobs)
        lost = {label: error for digest, error in broken for label in needs[digest].labels}
        failures += lost.items()
        whole = [label for label in trees if label not in lost]
        by_label = {item.label: item for item in survey.missing}
        for wave in _in_waves(whole, by_label):
            done, refused = run_each(
                wave,
                lambda label: self._put(by_label[label], trees[label], tally),
                workers=self._workers,
            )
            # All at once: until then they are `making`, which is ours as well.
            self._ledger.mark_made(*(by_label[label].key for label in done))
            failures += refused
        return failures

    def _job(self, need: Need, homes: dict[str, None], tally: Tally) -> _Placing:
        uploads = self._ledger.uploads()
        return _Placing(self._content, self._client, need, homes, tally, self._progress, uploads)

    def _put(self, item: ImageItem, tree: tuple[Manifest, ...], tally: Tally) -> None:
        repository = self._destination.repository(item.name)
        for manifest in tree[:-1]:
            self._client.put_manifest(repository, str(manifest.digest), manifest)
        self._client.put_manifest(repository, self._destination.reference(item), tree[-1])
        tally.add(item.label, "pushed")


class _Placing:
    """A job: one blob into each repository that needs it, sent at most once."""

    def __init__(
        self,
        content: Content,
        client: RegistryClient,
        need: Need,
        homes: dict[str, None],
        tally: Tally,
        progress: Progress | None,
        sessions: UploadSessions,
    ) -> None:
        self.name = str(need.descriptor.digest)
        self.size = need.descriptor.size
        self.mounted = 0
        self.moved_bytes = 0
        self._content = content
        self._client = client
        self._need = need
        self._homes = homes
        self._tally = tally
        self._progress = progress
        self._sessions = sessions

    def run(self) -> None:
        """Place it."""
        descriptor = self._need.descriptor
        source = self._content.blob(
            self._need.name, descriptor, Meter(self.name, descriptor.size, self._progress)
        )
        for repository in self._need.repositories:
            way = self._place(repository, source)
            self.mounted += way == "mounted"
            self.moved_bytes += descriptor.size if way == "uploaded" else 0
            self._homes[repository] = None
        outcome: Outcome = "uploaded" if self.moved_bytes else "mounted"
        self._tally.add(self.name, outcome, self.moved_bytes)

    def _place(self, repository: str, source: BlobSource) -> UploadOutcome | None:
        """Bring it into one repository; None when it is there.

        Where it may well be, that is asked first; elsewhere a mount tells as well.
        """
        digest = self._need.descriptor.digest
        may_be_there = not self._homes or repository in self._homes
        if may_be_there and self._client.has_blob(repository, digest):
            self._sessions.drop(repository, digest)
            return None
        try:
            return self._client.upload_blob(
                repository,
                self._need.descriptor,
                source,
                mount_from=next((home for home in self._homes if home != repository), ""),
                sessions=self._sessions,
            )
        except IntegrityError:
            self._content.check_blob(digest)  # its error tells what mends it
            raise

    def help(self) -> bool:
        """An upload is one stream: the specification wants its chunks in order."""
        return False


def _in_waves(labels: Sequence[str], items: Mapping[str, ImageItem]) -> tuple[list[str], list[str]]:
    """Put off the fallback tags of referrers.

    A registry without the referrers API has them changed with every manifest that has a subject;
    as they are locked they come last.
    """
    last = [label for label in labels if _FALLBACK.fullmatch(items[label].tag)]
    return [label for label in labels if label not in last], last
