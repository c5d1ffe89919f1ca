"""What a site holds of its lock now, for a receipt: asked of the registry, looked up in the mirror.

Reads only, and little: one HEAD an image, boot assets as a refresh looks at them
(`airgap.transfer.observe`). What `verify` reads as well, the blobs, is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from airgap.errors import TransferError
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import Credentials
from airgap.progress import Progress, Tally
from airgap.receipt import Altered, HeldAsset, HeldImage
from airgap.site.model import Site
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.limits import site_traffic
from airgap.transfer.observe import observe_assets
from airgap.transfer.pool import run_each
from airgap.transfer.push import connect
from airgap.transfer.wanted import assets_of, image_places, mirror_of, registry_of

__all__ = ["held_assets", "held_images"]

HeldImages = Mapping[str, HeldImage | Altered]


def held_images(
    site: Site,
    lock: Lock,
    *,
    credentials: Credentials | None = None,
    progress: Progress | None = None,
    traffic: Traffic | None = None,
) -> tuple[HeldImages, HeldImages]:
    """Return what the registry has of the lock's images, and of those for the Image Factory.

    Args:
        site: Whose registry.
        lock: What is asked for.
        credentials: For the registry; this machine's by default.
        progress: Told of each image.
        traffic: The limits and counts of this run; the site's by default.

    Raises:
        TransferError: The registry cannot be asked.
    """
    registry = registry_of(site)
    if registry.kind == "none":
        return {}, {}
    places = {
        destination: tuple(item for items in sets.values() for item in items)
        for destination, sets in image_places(site, lock, name="").items()
    }
    own, twin = places.get(registry, ()), places.get(registry.twin, ())
    traffic = traffic or site_traffic(site.transfer)
    tally = Tally(len(own) + len(twin), progress)
    with connect(registry, credentials=credentials, traffic=traffic) as client:
        return _ask(client, registry, own, tally), _ask(client, registry.twin, twin, tally)


def held_assets(
    site: Site, lock: Lock, *, store_root: Path, quick: bool, traffic: Traffic | None = None
) -> Mapping[str, HeldAsset | Altered]:
    """Return what the asset mirror has of the lock's boot assets.

    Args:
        site: Whose mirror; a relative path starts in the working directory.
        lock: What is looked for.
        store_root: Where the store is or would be: beside it is what was hashed before.
        quick: Trust a file that has not changed since it was hashed.
        traffic: The limits and counts of this run; the site's by default.

    Raises:
        TransferError: The mirror cannot be looked at.
    """
    items = assets_of([lock])
    if not items:
        return {}
    mirror = mirror_of(site)
    ledger = Ledger(ledger_root(store_root), mirror.identity)
    traffic = traffic or site_traffic(site.transfer)
    faults = observe_assets(mirror, items, ledger, quick=quick, traffic=traffic)
    held: dict[str, HeldAsset | Altered] = {}
    for item in items:
        fault = faults[item.name]
        sound = HeldAsset(sha256=str(item.sha256), sha512=str(item.sha512))
        held[item.name] = Altered(fault=fault) if fault else sound
    return held


def _ask(
    client: RegistryClient,
    destination: RegistryDestination,
    items: Sequence[ImageItem],
    tally: Tally,
) -> HeldImages:
    by_label = {item.label: item for item in items}

    def ask(label: str) -> HeldImage | Altered:
        item = by_label[label]
        repository = destination.repository(item.name)
        found = client.head_manifest(repository, destination.reference(item))
        if found is None and not item.tag:
            is_there = client.head_manifest(repository, str(item.digest)) is not None
            answer: HeldImage | Altered = Altered(
                fault=f"has no tag {item.keeper}" if is_there else "missing"
            )
        else:
            answer = HeldImage(digest=str(found.digest)) if found else Altered(fault="missing")
        tally.add(label, "verified")
        return answer

    held, failures = run_each(list(by_label), ask)
    if failures:
        raise TransferError(f"asking {destination.endpoint}", failures)
    return held
