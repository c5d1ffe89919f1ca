"""Locking a choice of platforms, and what stays whole: image-factory looks up its images by their
index' digest (its documentation, "Air-gapped": whole indexes have to be copied)."""

from __future__ import annotations

import json

import pytest

from airgap.digest import Digest
from airgap.errors import LockError
from airgap.lock import ImagePin, Lock, check_lock, format_lock, parse_lock
from airgap.oci import parse_reference
from airgap.oci.subset import subset_index
from airgap.resolve.image_needs import ImageWant
from airgap.resolve.selection import Selection
from lab.images import ImageForge, ImageSpec, LayerSpec
from lab.upstream import RELEASE, Upstream
from tests.practice_images import digest_of
from tests.resolve.conftest import MakeSite, resolve
from tests.resolve.test_resolution import FACTORY, KUBELET, NGINX, manifest_digest, retag

AMD64 = {"platforms": ["linux/amd64"]}
BOTH = {"platforms": ["linux/arm64", "linux/amd64"]}


def raw_index(upstream: Upstream, reference: str) -> bytes:
    parsed = parse_reference(reference)
    found = upstream.registry.content.find(parsed.name, str(parsed.tag))
    assert found is not None
    return found.raw


def test_a_choice_of_platforms_is_pinned_beside_the_whole_index(
    upstream: Upstream, make_site: MakeSite
) -> None:
    lock = resolve(make_site(transfer=AMD64)).lock
    pin = lock.images[NGINX]
    cut = subset_index(raw_index(upstream, NGINX), ["linux/amd64"])
    assert (pin.digest, pin.whole) == (digest_of(cut), manifest_digest(upstream, NGINX))
    assert set(pin.platforms) == {"linux/amd64"}
    assert lock.inputs.platforms == ("linux/amd64",)
    assert parse_lock(format_lock(lock)) == lock


def test_the_names_in_a_pin_make_the_same_index_again(
    upstream: Upstream, make_site: MakeSite
) -> None:
    """Also where the index tells variants apart: `linux/amd64` means all of them."""
    document = json.loads(raw_index(upstream, NGINX))
    for entry, variant in zip(document["manifests"], (None, "v3"), strict=False):
        entry["platform"] = {"os": "linux", "architecture": "amd64"}
        entry["platform"] |= {"variant": variant} if variant else {}
    raw = json.dumps(document).encode()
    upstream.registry.content.put_manifest("docker.io/library/nginx", raw, tag="1.27.3")
    transfer = {"platforms": ["linux/amd64/v1", "linux/arm64"]}
    pin = resolve(make_site(architectures=["amd64"], transfer=transfer)).lock.images[NGINX]
    made = subset_index(raw, tuple(pin.platforms))
    assert pin.digest == digest_of(made)
    assert {"linux/amd64", "linux/amd64/v3"} == pin.platforms.keys()


def test_the_size_is_that_of_the_chosen_platforms(upstream: Upstream, make_site: MakeSite) -> None:
    pin = resolve(make_site(transfer=AMD64)).lock.images[NGINX]
    cut = subset_index(raw_index(upstream, NGINX), ["linux/amd64"])
    sizes = {digest_of(cut): len(cut)}
    for entry in json.loads(cut)["manifests"]:
        child = upstream.registry.content.find("docker.io/library/nginx", entry["digest"])
        assert child is not None
        sizes[entry["digest"]] = len(child.raw)
        sizes |= {str(blob.digest): blob.size for blob in child.blobs}
    assert pin.size == sum(sizes.values())


def test_without_a_choice_indexes_are_whole_and_the_lock_says_nothing_of_it(
    upstream: Upstream, make_site: MakeSite
) -> None:
    result = resolve(make_site())
    assert result.lock.images[NGINX].digest == manifest_digest(upstream, NGINX)
    assert '"whole"' not in format_lock(result.lock)
    assert not [note for note in result.notes if "whole" in note.message]


def test_a_choice_that_leaves_nothing_out_keeps_the_index(
    upstream: Upstream, make_site: MakeSite
) -> None:
    result = resolve(make_site(transfer=BOTH))
    pin = result.lock.images[KUBELET]
    assert (pin.digest, pin.whole) == (manifest_digest(upstream, KUBELET), None)
    assert not [note for note in result.notes if note.subject == KUBELET]


def test_an_image_that_the_site_names_by_digest_stays_whole(
    upstream: Upstream, make_site: MakeSite
) -> None:
    digest = manifest_digest(upstream, NGINX)
    result = resolve(make_site(images=[f"{NGINX}@{digest}"], transfer=AMD64))
    pin = result.lock.images[NGINX]
    assert (pin.digest, pin.whole) == (digest, None)
    [note] = [note for note in result.notes if note.subject == NGINX]
    assert note.message == "carried whole, with linux/arm64: it is named by its digest"


def test_what_the_factory_reads_stays_whole(upstream: Upstream, make_site: MakeSite) -> None:
    servers = [{"name": "gpu", "environment": "metal", "extensions": ["siderolabs/iscsi-tools"]}]
    result = resolve(make_site(imageFactory=FACTORY, serverClasses=servers, transfer=AMD64))
    notes = {note.subject: note.message for note in result.notes}
    for key in (f"ghcr.io/siderolabs/imager:{RELEASE}", f"ghcr.io/siderolabs/extensions:{RELEASE}"):
        assert result.lock.images[key].digest == manifest_digest(upstream, key)
        assert "the Image Factory reads it by its digest" in notes[key]
    [extension] = result.lock.extensions[RELEASE].values()
    [tagged] = [
        key
        for key, pin in result.lock.images.items()
        if "iscsi-tools" in key and pin.need == "extensions"
    ]
    assert result.lock.images[tagged].digest == extension.rpartition("@")[2]
    assert result.lock.images[tagged].whole is None
    assert result.lock.images[KUBELET].whole == manifest_digest(upstream, KUBELET)


def test_an_image_that_has_none_of_the_platforms_stays_whole(
    upstream: Upstream, make_site: MakeSite
) -> None:
    forge = ImageForge(
        upstream.registry.content, unit_bytes=1000, has_referrers_api=lambda _: False
    )
    layers = (LayerSpec(key="small"),)
    spec = ImageSpec(
        repository="docker.io/library/arm", tag="1", layers=layers, architectures=("arm64",)
    )
    digest = str(forge.publish(spec).digest)
    result = resolve(make_site(images=["arm:1"], transfer=AMD64))
    assert result.lock.images["docker.io/library/arm:1"].digest == digest
    messages = [n.message for n in result.notes if n.subject == "docker.io/library/arm:1"]
    assert "carried whole, with linux/arm64: it has none of linux/amd64" in messages


def test_an_image_that_must_be_signed_stays_whole() -> None:
    want = ImageWant(reference=parse_reference(NGINX), need="workloads", needed_by=("test",))
    free = Selection(["linux/amd64"])
    signed = Selection(["linux/amd64"], must_be_signed=lambda item: item.tag == "1.27.3")
    assert free.of(want) == ("linux/amd64",)
    assert signed.of(want) == ()
    platforms = {"linux/amd64": {"digest": f"sha256:{'a' * 64}", "size": 1}}
    platforms["linux/arm64/v8"] = {"digest": f"sha256:{'b' * 64}", "size": 1}
    pin = ImagePin.model_validate(
        {
            "digest": f"sha256:{'c' * 64}",
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "size": 2,
            "platforms": platforms,
            "need": "workloads",
            "neededBy": ("test",),
        }
    )
    assert "linux/arm64/v8: the signature that the site requires" in signed.remark(want, pin)


# Changing the choice


def test_a_lock_of_other_platforms_does_not_fit(upstream: Upstream, make_site: MakeSite) -> None:
    lock = resolve(make_site()).lock
    with pytest.raises(LockError, match=r"transfer\.platforms: lock has \[\], site has \[linux/a"):
        check_lock(make_site(transfer=AMD64), lock)


@pytest.mark.parametrize("order", [(None, AMD64), (AMD64, None), (AMD64, BOTH), (BOTH, AMD64)])
def test_a_changed_choice_cuts_kept_pins_anew_and_moves_no_tag(
    upstream: Upstream, make_site: MakeSite, order: tuple[dict[str, object] | None, ...]
) -> None:
    before, after = (make_site(**({"transfer": item} if item else {})) for item in order)
    first = resolve(before).lock
    wanted = resolve(after).lock
    retag(upstream, KUBELET, onto=f"ghcr.io/siderolabs/installer:{RELEASE}")
    again = resolve(after, first)
    assert again.lock == wanted
    assert [note for note in again.notes if "the tag moved upstream" in note.message]


def test_an_unchanged_choice_keeps_pins_without_reading_an_index(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site(transfer=AMD64)
    first = resolve(site).lock
    upstream.registry.requests.clear()
    assert resolve(site, first).lock == first
    read = [exchange for exchange in upstream.registry.requests if exchange.method == "GET"]
    assert not [exchange.path for exchange in read if "/manifests/" in exchange.path]


def test_a_moved_tag_is_told_by_the_whole_index(upstream: Upstream, make_site: MakeSite) -> None:
    site = make_site(transfer=AMD64)
    first: Lock = resolve(site).lock
    assert not [n for n in resolve(site, first).notes if "moved" in n.message]
    retag(upstream, KUBELET, onto=f"ghcr.io/siderolabs/installer:{RELEASE}")
    [note] = [n for n in resolve(site, first).notes if "moved" in n.message]
    assert Digest.parse(str(first.images[KUBELET].whole)).hex in note.message
