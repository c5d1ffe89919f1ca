"""Resolution of a whole site against the practice upstream, whose names and tags are the real."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import TransferError
from airgap.lock import Lock, check_lock, format_lock
from airgap.oci import parse_reference
from airgap.progress import Event, Report
from airgap.resolve import resolve_site
from airgap.store import Store
from airgap.transfer.sources import open_upstream
from lab.catalogue import default_images
from lab.images import ImageForge, ImageSpec, LayerSpec
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.resolve.conftest import IMPATIENT, MakeSite, resolve

FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r.example:5000",
}
KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
NGINX = "docker.io/library/nginx:1.27.3"


def manifest_digest(upstream: Upstream, reference: str) -> str:
    """Return what the practice registry holds under a tag."""
    parsed = parse_reference(reference)
    found = upstream.registry.content.find(parsed.name, str(parsed.tag))
    assert found is not None
    return str(found.digest)


def retag(upstream: Upstream, reference: str, onto: str) -> None:
    """Let a tag point to another image of its own registry host."""
    parsed, other = parse_reference(reference), parse_reference(onto)
    content = upstream.registry.content
    found = content.find(other.name, str(other.tag))
    assert found is not None
    for child in found.children:
        manifest = content.find(other.name, str(child.digest))
        assert manifest is not None
        for blob in manifest.blobs:
            content.link(parsed.name, str(blob.digest))
        content.put_manifest(parsed.name, manifest.raw)
    content.put_manifest(parsed.name, found.raw, tag=str(parsed.tag))


def own_images(lock: Lock) -> Lock:
    """Return the lock without what is attached to its images."""
    images = {key: pin for key, pin in lock.images.items() if pin.need != "signatures"}
    return lock.model_copy(update={"images": images})


def test_every_tag_becomes_its_index_digest_with_platforms_and_reasons(
    upstream: Upstream, make_site: MakeSite
) -> None:
    lock = own_images(resolve(make_site()).lock)
    wanted = {*default_images(RELEASE), NGINX} | {
        f"ghcr.io/siderolabs/{name}-controller-manager:v0.6.13" for name in ("sidero", "caps")
    }
    assert lock.images.keys() == wanted
    for reference, pin in lock.images.items():
        assert pin.digest == manifest_digest(upstream, reference)
        assert {"linux/amd64", "linux/arm64"} <= pin.platforms.keys()
    assert lock.images[KUBELET].needed_by == ("kubernetes v1.34.1",)
    assert lock.images[KUBELET].need == "kubernetes"
    assert lock.images[f"ghcr.io/siderolabs/installer:{RELEASE}"].need == "talos"
    assert lock.images[NGINX].need == "workloads"
    assert lock.images["registry.k8s.io/pause:3.10"].needed_by == (f"talos {RELEASE}",)


def test_an_images_size_counts_each_manifest_and_blob_once(
    upstream: Upstream, make_site: MakeSite
) -> None:
    pin = resolve(make_site()).lock.images[NGINX]
    content = upstream.registry.content
    index = content.find("docker.io/library/nginx", "1.27.3")
    assert index is not None
    sizes = {str(index.digest): len(index.raw)}
    for child in index.children:
        manifest = content.find("docker.io/library/nginx", str(child.digest))
        assert manifest is not None
        sizes[str(manifest.digest)] = len(manifest.raw)
        sizes |= {str(blob.digest): blob.size for blob in manifest.blobs}
    assert pin.size == sum(sizes.values())
    assert set(pin.platforms) == {"linux/amd64", "linux/arm64"}  # and no attestation


def test_boot_assets_are_those_of_the_release(
    upstream: Upstream, make_site: MakeSite, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    lock = resolve(make_site(), store=store).lock
    assert lock.assets.keys() == {f"{RELEASE}/vmlinuz-amd64", f"{RELEASE}/initramfs-amd64.xz"}
    for key, pin in lock.assets.items():
        data = upstream.releases.release(RELEASE).find(key.partition("/")[2])
        assert data is not None
        assert pin.sha256 == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert pin.sha512 == f"sha512:{hashlib.sha512(data).hexdigest()}"
        assert pin.size == len(data)
        assert pin.url == f"https://github.com/siderolabs/talos/releases/download/{key}"
        assert pin.needed_by == ("environment metal",)
        assert store.has(Digest.parse(pin.sha256))
    assert store.assets().keys() == lock.assets.keys()


def test_assets_in_the_store_are_not_downloaded_again(
    upstream: Upstream, make_site: MakeSite, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    first = resolve(make_site(), store=store)
    upstream.outside.requests.clear()
    second = resolve(make_site(), store=store)
    assert second.lock == first.lock
    assert upstream.outside.requests.select(path="object|release-asset/.*vmlinuz") == []


def test_without_a_store_assets_are_only_hashed(make_site: MakeSite, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    assert resolve(make_site()).lock.assets == resolve(make_site(), store=store).lock.assets


def test_a_second_run_changes_nothing(make_site: MakeSite) -> None:
    site = make_site()
    first = resolve(site)
    second = resolve(site, first.lock)
    assert format_lock(second.lock) == format_lock(first.lock)
    assert first.notes == second.notes == ()
    check_lock(site, second.lock)


def test_a_moved_tag_is_a_note_and_the_pin_stays(upstream: Upstream, make_site: MakeSite) -> None:
    site = make_site()
    before = resolve(site).lock
    retag(upstream, KUBELET, f"ghcr.io/siderolabs/installer:{RELEASE}")
    after = resolve(site, before)
    assert after.lock == before
    (note,) = after.notes
    assert note.subject == KUBELET
    assert manifest_digest(upstream, KUBELET) in note.message
    assert before.images[KUBELET].digest in note.message


@pytest.mark.parametrize("asked", [(), (KUBELET,), ("ghcr.io/siderolabs/kubelet",)])
def test_an_upgrade_moves_the_pin(
    upstream: Upstream, make_site: MakeSite, asked: tuple[str, ...]
) -> None:
    site = make_site()
    before = resolve(site).lock
    retag(upstream, KUBELET, f"ghcr.io/siderolabs/installer:{RELEASE}")
    retag(upstream, NGINX, NGINX)
    after = resolve(site, before, upgrade=asked)
    changed = {key for key, pin in after.lock.images.items() if pin != before.images[key]}
    assert changed == {KUBELET}
    assert after.lock.images[KUBELET].digest == manifest_digest(upstream, KUBELET)
    assert after.notes == ()


def test_an_upgrade_of_one_leaves_the_others_where_they_are(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site()
    before = resolve(site).lock
    retag(upstream, KUBELET, f"ghcr.io/siderolabs/installer:{RELEASE}")
    after = resolve(site, before, upgrade=("nginx",))
    assert after.lock == before
    assert [note.subject for note in after.notes] == [KUBELET]


def test_an_unreachable_upstream_does_not_fail_a_lock_that_is_complete(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site()
    before = resolve(site).lock
    upstream.stop()
    after = resolve(site, before)
    assert after.lock == before
    assert {note.subject for note in after.notes} == {*own_images(before).images, *before.assets}
    assert all("upstream could not be asked" in note.message for note in after.notes)


def test_a_tag_that_moves_during_the_run_is_an_error(
    upstream: Upstream, make_site: MakeSite
) -> None:
    upstream.outside.faults.add(
        r"/ghcr.io/siderolabs/kubelet/manifests/v1\.34\.1",
        method="GET",
        then=lambda: retag(upstream, KUBELET, f"ghcr.io/siderolabs/installer:{RELEASE}"),
    )
    with pytest.raises(TransferError, match="moved while it was resolved") as caught:
        resolve(make_site())
    assert [item for item, _ in caught.value.failures] == [KUBELET]


def test_independent_failures_are_told_together(upstream: Upstream, make_site: MakeSite) -> None:
    site = make_site(images=["docker.io/library/nginx:1.27.3", "docker.io/library/none:1"])
    upstream.releases.release(RELEASE).remove("vmlinuz-amd64")
    with pytest.raises(TransferError) as caught:
        resolve(site)
    items = [item for item, _ in caught.value.failures]
    assert items == ["docker.io/library/none:1", f"{RELEASE}/vmlinuz-amd64"]


def test_an_asset_that_is_not_the_one_in_the_releases_sums_is_refused(
    upstream: Upstream, make_site: MakeSite, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    upstream.outside.faults.add(r"release-asset/.*/vmlinuz-amd64", flip_byte=100)
    with pytest.raises(TransferError, match=r"sha512sum\.txt of the release says"):
        resolve(make_site(), store=store)
    assert f"{RELEASE}/vmlinuz-amd64" not in store.assets()


def test_a_new_talos_version_changes_only_what_it_brings(make_site: MakeSite) -> None:
    before = resolve(make_site()).lock
    site = make_site(
        talos={"versions": [NEXT_RELEASE]},
        environments=[{"name": "metal", "talos": NEXT_RELEASE}],
    )
    after = resolve(site, before).lock
    assert own_images(after).images.keys() ^ own_images(before).images.keys() == {
        f"ghcr.io/siderolabs/installer:{version}" for version in (RELEASE, NEXT_RELEASE)
    }
    assert all(key.startswith(NEXT_RELEASE) for key in after.assets)


def test_a_digest_in_the_site_is_pinned_without_asking_the_tag(
    upstream: Upstream, make_site: MakeSite
) -> None:
    digest = manifest_digest(upstream, NGINX)
    retag(upstream, NGINX, NGINX)
    site = make_site(images=[f"{NGINX}@{digest}"])
    lock = resolve(site).lock
    assert lock.images[NGINX].digest == digest
    assert upstream.outside.requests.select(path="nginx/manifests/1.27.3") == []
    check_lock(site, lock)


def test_a_single_platform_image_is_pinned_as_it_is(
    upstream: Upstream, make_site: MakeSite
) -> None:
    parsed = parse_reference(NGINX)
    content = upstream.registry.content
    index = content.find(parsed.name, "1.27.3")
    assert index is not None
    content.tag(parsed.name, "plain", str(index.children[0].digest))
    pin = resolve(make_site(images=["nginx:plain"])).lock.images["docker.io/library/nginx:plain"]
    assert pin.digest == str(index.children[0].digest)
    assert pin.platforms == {}


def test_an_image_without_one_of_the_sites_architectures_is_noted(
    upstream: Upstream, make_site: MakeSite
) -> None:
    registry = upstream.registry
    forge = ImageForge(
        registry.content, unit_bytes=10, has_referrers_api=registry.has_referrers_api
    )
    forge.publish(
        ImageSpec(
            repository="docker.io/library/small",
            tag="1",
            layers=(LayerSpec(key="small"),),
            architectures=("amd64",),
        )
    )
    site = make_site(images=["small:1"], architectures=["amd64", "arm64"])
    (note,) = resolve(site).notes
    assert str(note) == "docker.io/library/small:1: it has no image for linux/arm64"


def test_progress_counts_every_item(make_site: MakeSite) -> None:
    site, told = make_site(), list[Report]()
    with open_upstream(site, retry=IMPATIENT) as (registries, releases):
        done = resolve_site(site, registries=registries, releases=releases, progress=told.append)
    events = [event for event in told if isinstance(event, Event)]
    items = [event.item for event in events]
    assert sorted(items) == sorted([*done.lock.images, *done.lock.assets])
    assert events[-1].done == events[-1].total == len(items)
    assert {event.outcome for event in events} == {"resolved"}
