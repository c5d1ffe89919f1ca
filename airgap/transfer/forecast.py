"""How long a transfer is going to take: a measured rate, and the site's limits by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from airgap.digest import Digest
from airgap.net import Schedule
from airgap.oci.client import RegistryClient
from airgap.oci.manifest import Descriptor, Manifest

__all__ = ["forecast", "measure_rate"]

_SAMPLE_S = 1.0
_SAMPLE_BYTES = 64 * 1024 * 1024
_BUFFER_BYTES = 256 * 1024
_LEAST_BYTES = 64 * 1024
_STEP = timedelta(minutes=1)
_LONGEST = timedelta(days=90)


def forecast(
    size_bytes: int,
    rate: float | None,
    schedule: Schedule,
    *,
    start: datetime,
    paced_bytes: int | None = None,
) -> float | None:
    """Return the seconds that bytes take at a rate, slowed down by the limits of the hour.

    Args:
        size_bytes: What has to move; what is passed straight on, once.
        rate: Bytes a second that the way there gives; None when nobody knows.
        schedule: The limits.
        start: When it begins, in local time.
        paced_bytes: What of it the limits count, in each direction; once each by default.

    Returns:
        None when neither rate nor limit tells, or it takes more than 90 days.
    """
    moment, left = start, float(size_bytes)
    share = size_bytes / paced_bytes if paced_bytes else 1.0
    while left > 0:
        until = moment.replace(second=0, microsecond=0) + _STEP
        limit = schedule.rate_at(moment.time())
        limit = None if limit is None else limit * share
        known = [each for each in (rate, limit) if each is not None]
        if not known or moment - start > _LONGEST:
            return None
        span = (until - moment).total_seconds()
        if left <= min(known) * span:
            return (moment - start).total_seconds() + left / min(known)
        left -= min(known) * span
        moment = until
    return 0.0


def measure_rate(
    client: RegistryClient,
    repository: str,
    digest: Digest,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> float | None:
    """Read an image's largest blob for a second, and return the bytes a second.

    One stream, in the direction from the registry; nothing is kept. None when there is too little
    to read for a figure.

    Raises:
        RegistryError: The image is not there, or the registry is out of reach.
    """
    blobs = [blob for each in _tree(client, repository, digest) for blob in each.blobs]
    largest = max(blobs, key=lambda blob: blob.size, default=None)
    if largest is None or largest.size < _LEAST_BYTES:
        return None
    return _read_for_a_while(client, repository, largest, clock)


def _tree(client: RegistryClient, repository: str, digest: Digest) -> Iterator[Manifest]:
    """Yield an image's manifests; of an index, the first child's."""
    manifest = client.manifest(repository, str(digest))
    yield manifest
    for child in manifest.children[:1]:
        yield from _tree(client, repository, child.digest)


def _read_for_a_while(
    client: RegistryClient, repository: str, blob: Descriptor, clock: Callable[[], float]
) -> float:
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    began, received = clock(), 0
    with client.open_blob(repository, blob) as exchange:
        while count := exchange.readinto(buffer):
            received += count
            if clock() - began >= _SAMPLE_S or received >= _SAMPLE_BYTES:
                break
    return received / max(clock() - began, 1e-6)
