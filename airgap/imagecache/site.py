"""A site's image caches without the engine: what `pulumi up` would make, by the same sets."""

from __future__ import annotations

from airgap.imagecache.contents import Warn
from airgap.imagecache.image import push_cache
from airgap.imagecache.publish import publish_caches
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.oci.credentials import Credentials
from airgap.plan.cache_content import EXTENSIONS
from airgap.plan.caches import CachePlace, cache_places
from airgap.progress import Progress
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.push import connect
from airgap.transfer.wanted import mirror_of, registry_of

__all__ = ["publish_site_caches"]


def publish_site_caches(
    name: str,
    site: Site,
    lock: Lock,
    *,
    store: Store,
    credentials: Credentials | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> tuple[int, int]:
    """Bring a site's caches to its asset mirror and registry; return how many were made, and all.

    Args:
        name: The site's, which its sets are called by.
        site: Where they go.
        lock: What is in them.
        store: Holds the images.
        credentials: For the registry; this machine's by default.
        traffic: The limits and counts of this run.
        progress: Told of everything.
        warn: Told of manifests that Talos up to 1.12 cannot serve.

    Raises:
        TransferError: Some could not be brought.
        PublishError: The store does not have all of one, or a manifest is refused.
    """
    made = total = 0
    for place in cache_places(name, site, lock, "files"):
        made += _publish(site, place, store, traffic, progress, warn)
        total += len(place.published)
    for place in cache_places(name, site, lock, "image"):
        made += _push(site, place, store, credentials, traffic, progress, warn)
        total += 1
    return made, total


def _publish(
    site: Site,
    place: CachePlace,
    store: Store,
    traffic: Traffic | None,
    progress: Progress | None,
    warn: Warn | None,
) -> int:
    destination = mirror_of(site)
    return publish_caches(
        store,
        destination,
        place.set,
        place.content,
        {form: place.published[form] for form in EXTENSIONS if form in place.published},
        Ledger(ledger_root(store.root), destination.identity),
        talos=place.talos,
        typed_only=place.typed_only,
        traffic=traffic,
        progress=progress,
        warn=warn,
    )


def _push(
    site: Site,
    place: CachePlace,
    store: Store,
    credentials: Credentials | None,
    traffic: Traffic | None,
    progress: Progress | None,
    warn: Warn | None,
) -> int:
    destination = registry_of(site)
    with connect(destination, credentials=credentials, traffic=traffic) as client:
        pushed = push_cache(
            store,
            client,
            destination,
            place.set,
            place.content,
            place.published["image"],
            Ledger(ledger_root(store.root), destination.identity),
            talos=place.talos,
            traffic=traffic,
            progress=progress,
            warn=warn,
        )
    return pushed.pushed
