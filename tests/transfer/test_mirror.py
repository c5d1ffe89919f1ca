"""A site's transfers without the engine: from the store, and straight from upstream."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import TransferError
from airgap.lock.model import Lock, PlatformPin
from airgap.net import Traffic
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.oci.subset import subset_index
from airgap.plan import plan_site
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.mirror import Upstream as Sources
from airgap.transfer.mirror import estimate_site, mirror_site
from airgap.transfer.wanted import asset_sets, image_sets
from lab.registry import Registry
from tests.plan.samples import make_lock, make_site
from tests.practice_images import digest_of
from tests.transfer.conftest import IMPATIENT, At, Upstream
from tests.web_directory import WebDirectory

KUBELET = "ghcr.io/siderolabs/kubelet"


@pytest.fixture
def sources(registries: Registries, origins: Origins) -> Sources:
    return Sources(registries=registries, releases=origins)


def make(registry: Registry, web: WebDirectory) -> Site:
    return Site.model_validate(
        {
            "schemaVersion": 1,
            "talos": {"versions": ["v1.11.5"]},
            "registry": {"kind": "existing", "endpoints": [{"url": registry.url}]},
            "assetMirror": {
                "kind": "directory",
                "url": web.mirror_url,
                "path": str(web.directory),
            },
            "sidero": {"version": "v0.6.13"},
        }
    )


def check_whole(upstream: Upstream, registry: Registry) -> None:
    for key, image in upstream.images.items():
        repository, _, tag = key.rpartition(":")
        root = registry.content.find(repository, tag)
        assert root is not None
        assert root.raw == image.index
        for blob in image.blobs:
            assert registry.content.has_blob(repository, digest_of(blob))


def test_sets_are_named_as_the_plan_names_them() -> None:
    site, lock = make_site(), make_lock()
    planned = {
        str(child.inputs["set"])
        for part in plan_site(site, lock, name="berlin").components
        for child in part.children
        if child.kind in ("ImageSet", "AssetSet")
    }
    assert {*image_sets("berlin", lock), *asset_sets("berlin", lock)} == planned


def test_upstream_goes_straight_to_the_registry_and_leaves_no_image_in_the_store(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        done = mirror_site("berlin", site, lock, store=store, upstream=sources, retry=IMPATIENT)
        check_whole(upstream, registry)
        assert store.names() == {}
        assert done.images is not None
        assert done.assets is not None
        blobs = {digest_of(b): len(b) for image in upstream.images.values() for b in image.blobs}
        assert done.images.moved_bytes == sum(blobs.values())  # each digest once
        assert (done.images.pushed, done.images.mounted) == (3, 1)  # the layer that two share
        again = mirror_site("berlin", site, lock, store=store, upstream=sources, retry=IMPATIENT)
        assert again.images is not None
        assert (again.images.present, again.images.moved_bytes) == (3, 0)
        for key in lock.assets:
            assert (tmp_path / "web" / key).is_file()


def test_estimate_says_exactly_what_then_moves(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        fetch_site(lock, registries=sources.registries, releases=sources.releases, store=store)
        before = estimate_site("berlin", site, lock, store=store, retry=IMPATIENT)
        assert registry.content.names == []  # nothing was sent
        done = mirror_site("berlin", site, lock, store=store, retry=IMPATIENT)
        assert done.images is not None
        images = [each for name, each in before.sets.items() if "talos-" not in name]
        assert sum(each.send_bytes for each in images) == done.images.moved_bytes
        assert sum(each.mounts for each in images) == done.images.mounted
        after = estimate_site("berlin", site, lock, store=store, retry=IMPATIENT)
        assert (after.send_bytes, after.receive_bytes, after.copy_bytes) == (0, 0, 0)
        assert {each.missing for each in after.sets.values()} == {0}


@pytest.mark.parametrize("source", ["store", "upstream"])
def test_estimate_says_what_the_limits_count_in_each_direction(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path, source: str
) -> None:
    """All that is passed on from upstream is counted as it comes and as it goes."""
    (tmp_path / "web").mkdir()
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        if source == "store":
            fetch_site(lock, registries=sources.registries, releases=sources.releases, store=store)
        traffic = Traffic()
        releases = {"https://github.com": At(upstream.releases.url)}
        with (
            Registries(upstream.redirects, retry=IMPATIENT, traffic=traffic) as registries,
            Origins(releases, retry=IMPATIENT, traffic=traffic) as origins,
        ):
            passing = Sources(registries=registries, releases=origins)
            outside = passing if source == "upstream" else None
            estimate = estimate_site(
                "berlin", site, lock, store=store, upstream=outside, retry=IMPATIENT
            )
            before = traffic.counts.received_bytes
            mirror_site(
                "berlin",
                site,
                lock,
                store=store,
                upstream=outside,
                retry=IMPATIENT,
                traffic=traffic,
            )
        counts = traffic.counts
        # Manifests and small answers are in the counts only.
        received = counts.received_bytes - before
        assert estimate.send_bytes <= counts.sent_bytes < estimate.send_bytes + 32_768
        assert estimate.receive_bytes <= received < estimate.receive_bytes + 65_536
        assert estimate.paced_bytes == estimate.send_bytes + estimate.receive_bytes
        assets = sum(pin.size for pin in lock.assets.values())
        if source == "store":
            assert estimate.receive_bytes == 2 * assets, "read back at both paths"
            assert estimate.moved_bytes == estimate.paced_bytes
        else:
            assert estimate.receive_bytes == estimate.send_bytes + 3 * assets
            assert estimate.moved_bytes == estimate.send_bytes + 3 * assets


def test_estimate_counts_what_is_linked_as_no_bytes(
    upstream: Upstream,
    sources: Sources,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "web").mkdir()
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        fetch_site(lock, registries=sources.registries, releases=sources.releases, store=store)

        def estimate() -> tuple[int, int]:
            found = estimate_site("berlin", site, lock, store=store, retry=IMPATIENT)
            (assets,) = [each for name, each in found.sets.items() if "talos-" in name]
            return assets.send_bytes, assets.copy_bytes

        size = sum(pin.size for pin in lock.assets.values())
        assert estimate() == (0, size), "the plain path is a copy, the other one a hard link"
        monkeypatch.setattr("airgap.transfer.mirror._is_same_disk", lambda *_: False)
        assert estimate() == (0, 2 * size)
        monkeypatch.undo()
        mirror_site("berlin", site, lock, store=store, retry=IMPATIENT)
        assert estimate() == (0, 0)


def test_wrong_bytes_from_upstream_never_become_visible(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    upstream.registry.faults.add(rf"/{KUBELET}/blobs/", times=None, flip_byte=1000)
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        with pytest.raises(TransferError, match=r"kubelet.*expected sha256:"):
            mirror_site("berlin", site, lock, store=store, upstream=sources, retry=IMPATIENT)
        assert registry.content.find(KUBELET, "v1.34.1") is None
        bad = [blob for blob in upstream.images[f"{KUBELET}:v1.34.1"].blobs if len(blob) > 1000]
        assert not any(registry.content.has_blob(KUBELET, digest_of(blob)) for blob in bad)
        assert registry.content.find("registry.k8s.io/pause", "3.10") is not None


def test_broken_source_is_continued_and_not_begun_again(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    upstream.registry.faults.add(rf"/{KUBELET}/blobs/", times=1, truncate_to=400_000)
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site, lock = make(registry, web), upstream.lock()
        mirror_site("berlin", site, lock, store=store, upstream=sources, retry=IMPATIENT)
        check_whole(upstream, registry)


def test_subset_is_made_again_from_upstream_and_held_to_its_digest(
    upstream: Upstream, sources: Sources, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    image = upstream.images[f"{KUBELET}:v1.34.1"]
    subset = subset_index(image.index, ["linux/arm64"])
    pin = (
        upstream.lock()
        .images[f"{KUBELET}:v1.34.1"]
        .model_copy(
            update={
                "digest": digest_of(subset),
                "whole": image.digest,
                "platforms": {
                    "linux/arm64": PlatformPin(digest=digest_of(image.children[1]), size=1)
                },
            }
        )
    )
    lock = Lock(inputs=upstream.lock().inputs, images={f"{KUBELET}:v1.34.1": pin})
    with Registry() as registry, WebDirectory(tmp_path / "web") as web:
        site = make(registry, web)
        fetch_site(lock, registries=sources.registries, releases=sources.releases, store=store)
        assert store.read(Digest.parse(digest_of(subset))) == subset
        assert not store.has(Digest.parse(digest_of(image.children[0])))
        mirror_site("berlin", site, lock, store=store, upstream=sources, retry=IMPATIENT)
        root = registry.content.find(KUBELET, "v1.34.1")
        assert root is not None
        assert root.raw == subset
        assert registry.content.find(KUBELET, digest_of(image.children[0])) is None
