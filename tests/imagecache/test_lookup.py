"""What we make is found by the rules of Talos' registryd, in every form and release."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.imagecache.contents import build_tree
from airgap.imagecache.forms import write_directory, write_file
from airgap.plan.cache_content import CacheContent
from airgap.store import Store
from lab.registryd import MissedError, Registryd
from tests.imagecache.images import Built, add_manifest

RELEASES = ["v1.9.6", "v1.10.9", "v1.11.5", "v1.12.11", "v1.13.9"]
AMD64 = "linux/amd64"


@pytest.fixture
def several(store: Store, kubelet: Built, pause: Built, content: CacheContent) -> CacheContent:
    """References of every kind: Docker Hub's, with a port, by digest, by a plain manifest."""
    plain = add_manifest(store, [b"plain"])
    return replace(
        content,
        images={
            **content.images,
            "docker.io/library/nginx:1.27.3": str(kubelet.digest),
            "registry.example:5000/team/app:1.0": str(pause.digest),
            f"ghcr.io/a/b@{kubelet.digest}": str(kubelet.digest),
            "ghcr.io/a/plain:1": str(plain.digest),
        },
    )


@pytest.mark.parametrize("talos", RELEASES)
@pytest.mark.parametrize("form", ["tree", "flat", "in the store"])
def test_every_image_is_pulled_from_it(
    store: Store, several: CacheContent, tmp_path: Path, talos: str, form: str
) -> None:
    tree = build_tree(store, several)
    root = tmp_path / "root"
    if form == "tree":
        write_directory("tree", tree, AMD64, root)
    elif form == "flat":
        write_file("flat", tree, AMD64, tmp_path / "flat.tar")
        with tarfile.open(fileobj=io.BytesIO((tmp_path / "flat.tar").read_bytes())) as archive:
            archive.extractall(root, filter="data")
    registryd = Registryd([tree if form == "in the store" else root], talos=talos)
    for reference, digest in several.images.items():
        assert registryd.pull(reference, AMD64).digest == digest


@pytest.mark.parametrize("talos", RELEASES)
def test_another_architecture_is_not_in_it(store: Store, content: CacheContent, talos: str) -> None:
    registryd = Registryd([build_tree(store, content)], talos=talos)
    with pytest.raises(MissedError):
        registryd.pull("registry.k8s.io/pause:3.10", "linux/arm64")


@pytest.mark.parametrize(("talos", "served"), [("v1.12.11", False), ("v1.13.9", True)])
def test_a_manifest_without_a_media_type_is_served_from_1_13_on(
    store: Store, talos: str, *, served: bool
) -> None:
    untyped = add_manifest(store, [b"layer"], typed=False)
    images = {"ghcr.io/a/b:1": str(untyped.digest)}
    tree = build_tree(store, CacheContent(platforms=(AMD64,), images=images))
    found = Registryd([tree], talos=talos).manifest("a/b", "1", "ghcr.io")
    assert (found.status == 200) is served


def test_a_signature_is_found_by_the_tag_that_cosign_asks_for(store: Store, kubelet: Built) -> None:
    signature = add_manifest(store, [b"signed"])
    tag = f"sha256-{kubelet.digest.hex}.sig"
    signed = CacheContent(
        platforms=(AMD64,),
        images={"ghcr.io/a/b:1": str(kubelet.digest)},
        signatures={f"ghcr.io/a/b:{tag}": str(signature.digest)},
    )
    registryd = Registryd([build_tree(store, signed)], talos="v1.13.9")
    assert registryd.manifest("a/b", tag, "ghcr.io").digest == str(signature.digest)
    for blob in signature.blobs:
        assert registryd.blob("a/b", str(blob), "ghcr.io").status == 200
