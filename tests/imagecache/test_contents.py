"""The tree: names as registryd looks them up (facts: sidero-talos.md, "Image cache format")."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airgap.errors import IntegrityError, PublishError
from airgap.imagecache.contents import build_tree, find_untyped
from airgap.imagecache.tree import Content, StoredFile
from airgap.oci.manifest import OCI_INDEX, parse_manifest
from airgap.plan.cache_content import ALL_PLATFORMS, CacheContent
from airgap.store import Store
from tests.imagecache.images import Built, add_image, add_index, add_manifest


def _one(reference: str, built: Built, *platforms: str) -> CacheContent:
    return CacheContent(
        platforms=platforms or ("linux/amd64",), images={reference: str(built.digest)}
    )


def _data(content: Content) -> bytes:
    return content.path.read_bytes() if isinstance(content, StoredFile) else content


def test_a_tag_and_its_digest_hold_the_index_and_only_the_platform_beside_it(
    store: Store, kubelet: Built
) -> None:
    tree = build_tree(store, _one("ghcr.io/siderolabs/kubelet:v1.34.1", kubelet))
    amd64, arm64 = kubelet.children
    folder = "manifests/ghcr.io/siderolabs/kubelet"
    assert set(tree.files) == {
        f"{folder}/reference/v1.34.1",
        f"{folder}/digest/sha256-{kubelet.digest.hex}",
        f"{folder}/digest/sha256-{amd64.digest.hex}",
        *(f"blob/sha256-{blob.hex}" for blob in amd64.blobs),
    }
    assert tree.files[f"{folder}/reference/v1.34.1"] == kubelet.raw
    assert str(arm64.digest) in kubelet.raw.decode()  # the index stays whole, or its digest goes


def test_every_file_has_the_bytes_its_name_says(store: Store, content: CacheContent) -> None:
    import hashlib

    tree = build_tree(store, content)
    named = {path: path.rpartition("sha256-")[2] for path in tree.files if "sha256-" in path}
    assert len(named) > 4
    for path, digest in named.items():
        assert hashlib.sha256(_data(tree.files[path])).hexdigest() == digest


def test_a_layer_that_two_images_share_is_one_file(store: Store, content: CacheContent) -> None:
    tree = build_tree(store, content)
    blobs = [path for path in tree.files if path.startswith("blob/")]
    assert len(blobs) == 5  # two configs and three layers, one of four being the same


@pytest.mark.parametrize(
    ("reference", "folder"),
    [
        ("nginx:1.27.3", "docker.io/library/nginx"),
        ("index.docker.io/library/nginx:1.27.3", "docker.io/library/nginx"),
        ("registry.example:5000/team/app:1.0", "registry.example_5000_/team/app"),
        ("registry.k8s.io/coredns/coredns:v1.12.4", "registry.k8s.io/coredns/coredns"),
    ],
)
def test_the_registry_is_a_directory_as_registryd_looks_for_it(
    store: Store, kubelet: Built, reference: str, folder: str
) -> None:
    tree = build_tree(store, _one(reference, kubelet))
    tag = reference.rpartition(":")[2]
    assert f"manifests/{folder}/reference/{tag}" in tree.files


def test_a_reference_by_digest_alone_is_called_latest_as_talosctl_does(
    store: Store, kubelet: Built
) -> None:
    """tests/peers/test_image_cache.py holds it against the real one."""
    reference = f"ghcr.io/siderolabs/kubelet@{kubelet.digest}"
    tree = build_tree(store, _one(reference, kubelet))
    references = [path for path in tree.files if "/reference/" in path]
    assert references == ["manifests/ghcr.io/siderolabs/kubelet/reference/latest"]


def test_a_tag_that_somebody_named_is_never_another_digest(
    store: Store, kubelet: Built, pause: Built
) -> None:
    images = {
        "ghcr.io/a/b:latest": str(kubelet.digest),
        f"ghcr.io/a/b@{pause.digest}": str(pause.digest),
    }
    tree = build_tree(store, CacheContent(platforms=("linux/amd64",), images=images))
    assert tree.files["manifests/ghcr.io/a/b/reference/latest"] == kubelet.raw


def test_a_plain_image_is_its_manifest_alone(store: Store) -> None:
    plain = add_manifest(store, [b"layer"])
    tree = build_tree(store, _one("ghcr.io/a/b:1", plain))
    digests = [path for path in tree.files if "/digest/" in path]
    assert digests == [f"manifests/ghcr.io/a/b/digest/sha256-{plain.digest.hex}"]


def test_several_platforms_are_one_tree(store: Store, kubelet: Built) -> None:
    both = _one("ghcr.io/a/b:1", kubelet, "linux/amd64", "linux/arm64")
    everything = _one("ghcr.io/a/b:1", kubelet, ALL_PLATFORMS)
    trees = [build_tree(store, each) for each in (both, everything)]
    for tree in trees:
        assert len([path for path in tree.files if "/digest/" in path]) == 3


def test_an_architecture_takes_the_first_of_its_variants(store: Store) -> None:
    """go-containerregistry, `matchesPlatform`: what is not asked for need not be equal."""
    v8, v7 = add_manifest(store, [b"v8"]), add_manifest(store, [b"v7"])
    index = add_index(store, {"linux/arm64/v8": v8, "linux/arm/v7": v7})
    tree = build_tree(store, _one("ghcr.io/a/b:1", index, "linux/arm64"))
    assert f"manifests/ghcr.io/a/b/digest/sha256-{v8.digest.hex}" in tree.files
    assert f"manifests/ghcr.io/a/b/digest/sha256-{v7.digest.hex}" not in tree.files


def test_an_image_without_the_platform_is_refused_by_its_name(store: Store) -> None:
    index = add_index(store, {"linux/amd64": add_manifest(store, [b"layer"])})
    with pytest.raises(PublishError, match=r"ghcr\.io/a/b:1 has nothing for linux/arm64"):
        build_tree(store, _one("ghcr.io/a/b:1", index, "linux/arm64"))


def test_all_that_is_missing_is_said_at_once(store: Store, kubelet: Built, pause: Built) -> None:
    store.blob_path(kubelet.children[0].blobs[1]).unlink()
    store.blob_path(pause.digest).unlink()
    images = {"ghcr.io/a/kubelet:1": str(kubelet.digest), "ghcr.io/a/pause:1": str(pause.digest)}
    with pytest.raises(PublishError, match=r"ghcr\.io/a/kubelet:1, ghcr\.io/a/pause:1") as caught:
        build_tree(store, CacheContent(platforms=("linux/amd64",), images=images))
    assert "fetch" in caught.value.hint


def test_a_manifest_that_changed_on_disk_is_refused(store: Store, kubelet: Built) -> None:
    path = store.blob_path(kubelet.digest)
    path.chmod(0o644)
    path.write_bytes(kubelet.raw.replace(b"arm64", b"amd64"))
    with pytest.raises(IntegrityError):
        build_tree(store, _one("ghcr.io/a/b:1", kubelet))


def test_manifests_without_a_media_type_of_their_own_are_found(store: Store) -> None:
    untyped = add_manifest(store, [b"layer"], typed=False)
    typed = add_manifest(store, [b"other"])
    images = {"ghcr.io/a/b:1": str(untyped.digest), "ghcr.io/a/c:1": str(typed.digest)}
    tree = build_tree(store, CacheContent(platforms=("linux/amd64",), images=images))
    folder = "manifests/ghcr.io/a/b"
    assert set(find_untyped(tree)) == {
        f"{folder}/reference/1",
        f"{folder}/digest/sha256-{untyped.digest.hex}",
    }


# Signatures (Talos 1.13)


def test_a_signature_by_tag_is_a_reference_with_its_manifest_and_blobs(
    store: Store, kubelet: Built
) -> None:
    signature = add_manifest(store, [b"signed"])
    tag = f"sha256-{kubelet.digest.hex}.sig"
    signed = replace(
        _one("ghcr.io/a/b:1", kubelet), signatures={f"ghcr.io/a/b:{tag}": str(signature.digest)}
    )
    tree = build_tree(store, signed)
    assert tree.files[f"manifests/ghcr.io/a/b/reference/{tag}"] == signature.raw
    assert f"manifests/ghcr.io/a/b/digest/sha256-{signature.digest.hex}" in tree.files
    assert {f"blob/sha256-{blob.hex}" for blob in signature.blobs} <= set(tree.files)


def test_a_list_of_referrers_is_carried_with_all_it_lists(store: Store, kubelet: Built) -> None:
    bundle = add_manifest(store, [b"bundle"], subject=kubelet.described())
    listed = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [bundle.described()]}
    ).encode()
    digest = store.put(listed)
    tag = f"sha256-{kubelet.digest.hex}"
    signatures = {
        f"ghcr.io/a/b:{tag}": str(digest),
        f"ghcr.io/a/b@{bundle.digest}": str(bundle.digest),
    }
    tree = build_tree(store, replace(_one("ghcr.io/a/b:1", kubelet), signatures=signatures))
    assert tree.files[f"manifests/ghcr.io/a/b/reference/{tag}"] == listed
    assert f"manifests/ghcr.io/a/b/digest/sha256-{bundle.digest.hex}" in tree.files
    assert {f"blob/sha256-{blob.hex}" for blob in bundle.blobs} <= set(tree.files)


def test_referrers_that_only_an_api_listed_get_the_list_that_is_asked_for_by_tag(
    store: Store, kubelet: Built
) -> None:
    """Distribution specification v1.1, "Referrers Tag Schema": `<algorithm>-<hex>`, an index."""
    bundles = [
        add_manifest(store, [data], subject=kubelet.described(), artifactType="application/x")
        for data in (b"one", b"two")
    ]
    signatures = {f"ghcr.io/a/b@{each.digest}": str(each.digest) for each in bundles}
    tree = build_tree(store, replace(_one("ghcr.io/a/b:1", kubelet), signatures=signatures))
    raw = tree.files[f"manifests/ghcr.io/a/b/reference/sha256-{kubelet.digest.hex}"]
    assert isinstance(raw, bytes)
    listed = parse_manifest(raw)
    assert {child.digest for child in listed.children} == {each.digest for each in bundles}
    assert tree.files[f"manifests/ghcr.io/a/b/digest/sha256-{listed.digest.hex}"] == raw


def test_the_same_content_is_the_same_tree_in_any_order(store: Store, kubelet: Built) -> None:
    other = add_image(store, "other")
    images = {"ghcr.io/a/b:1": str(kubelet.digest), "docker.io/a/c:1": str(other.digest)}
    backwards = dict(reversed(images.items()))
    first, second = (
        build_tree(store, CacheContent(platforms=("linux/amd64",), images=each))
        for each in (images, backwards)
    )
    assert list(first.files) == list(second.files)
