"""Names: complete or not at all, readable by other OCI tools, safe under concurrency."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import OCI_MANIFEST, Descriptor, Platform
from airgap.store import Store, StoredAsset

if TYPE_CHECKING:
    from tests.store.conftest import Image, ReadLayout

KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"


def test_independent_reader_finds_the_whole_image(
    store: Store, image: Image, layout: Callable[[Path], ReadLayout]
) -> None:
    store.name({KUBELET: image.index})
    found = layout(store.root)
    assert found.names[KUBELET]["digest"] == str(image.index.digest)
    assert found.names[KUBELET]["mediaType"] == "application/vnd.oci.image.index.v1+json"
    parts = (image.index, *image.manifests, *image.blobs)
    assert set(found.blobs) == {str(part.digest) for part in parts}


def test_names_come_back(store: Store, image: Image) -> None:
    store.name({KUBELET: image.index})
    again = Store.open(store.root)
    assert again.names() == {KUBELET: image.index}
    reached = [part.digest for part in again.reachable(image.index.digest)]
    assert reached[0] == image.index.digest
    parts = (image.index, *image.manifests, *image.blobs)
    assert sorted(reached) == sorted(part.digest for part in parts)


def test_a_taken_name_moves(
    store: Store, image: Image, another_image: Callable[[str], Image]
) -> None:
    other = another_image("second")
    store.name({KUBELET: image.index})
    store.name({KUBELET: other.index})
    assert store.names() == {KUBELET: other.index}


def test_forgotten_name_is_gone_and_its_bytes_stay(store: Store, image: Image) -> None:
    store.name({KUBELET: image.index, "docker.io/library/nginx:1.27.3": image.index})
    store.forget([KUBELET, "never.there/x:1"])
    assert list(store.names()) == ["docker.io/library/nginx:1.27.3"]
    assert store.has(image.index.digest)


def test_incomplete_image_gets_no_name(
    store: Store, image: Image, another_image: Callable[[str], Image]
) -> None:
    other = another_image("second")
    store.blob_path(other.blobs[3].digest).unlink()
    with pytest.raises(PublishError) as caught:
        store.name({KUBELET: image.index, "docker.io/library/nginx:1.27.3": other.index})
    assert str(other.blobs[3].digest) in str(caught.value)
    assert store.names() == {}


def test_truncated_layer_gets_no_name(store: Store, image: Image) -> None:
    path = store.blob_path(image.blobs[1].digest)
    path.chmod(0o644)
    path.write_bytes(b"first")
    with pytest.raises(IntegrityError, match="5 bytes on disk"):
        store.name({KUBELET: image.index})
    assert store.names() == {}


def test_platform_of_a_named_manifest_is_kept(store: Store, image: Image) -> None:
    arm = Platform(os="linux", architecture="arm64", variant="v8")
    store.name({KUBELET: replace(image.manifests[1], platform=arm)})
    entry = json.loads((store.root / "index.json").read_text())["manifests"][0]
    # Image specification v1.1, image-index.md, "platform".
    assert entry["platform"] == {"os": "linux", "architecture": "arm64", "variant": "v8"}
    assert store.names()[KUBELET].platform == arm


def test_naming_again_leaves_the_index_untouched(store: Store, image: Image) -> None:
    store.name({KUBELET: image.index})
    before = (store.root / "index.json").stat()
    store.name({KUBELET: image.index})
    after = (store.root / "index.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_entries_of_other_tools_survive(store: Store, image: Image) -> None:
    foreign = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": str(image.manifests[0].digest),
        "size": image.manifests[0].size,
        "annotations": {"com.example.tool": "theirs"},
        "x-unknown": 1,
    }
    path = store.root / "index.json"
    path.write_text(json.dumps({"schemaVersion": 2, "manifests": [foreign]}))
    store.name({KUBELET: image.index})
    assert foreign in json.loads(path.read_text())["manifests"]
    assert list(store.names()) == [KUBELET]
    assert image.blobs[0].digest not in store.orphans()


def _asset(data: bytes) -> StoredAsset:
    return StoredAsset(
        sha256=Digest("sha256", hashlib.sha256(data).hexdigest()),
        sha512=Digest("sha512", hashlib.sha512(data).hexdigest()),
        size=len(data),
        origin="https://github.com/siderolabs/talos/releases/download/v1.11.5/vmlinuz-amd64",
    )


def test_boot_asset_is_an_oci_artifact(store: Store, layout: Callable[[Path], ReadLayout]) -> None:
    """Image specification v1.1, manifest.md, "Guidelines for Artifact Usage"."""
    asset = _asset(b"kernel")
    store.put(b"kernel")
    store.add_asset("v1.11.5/vmlinuz-amd64", asset)
    assert store.assets() == {"v1.11.5/vmlinuz-amd64": asset}
    assert store.names() == {}
    found = layout(store.root)
    entry = found.names["v1.11.5/vmlinuz-amd64"]
    assert entry["artifactType"] == "application/vnd.sidero-airgap.boot-asset.v1"
    manifest = json.loads(found.blobs[entry["digest"]])
    assert manifest["mediaType"] == OCI_MANIFEST
    assert manifest["artifactType"] == "application/vnd.sidero-airgap.boot-asset.v1"
    # The descriptor for the empty value, as the specification gives it.
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
    }
    assert found.blobs[manifest["config"]["digest"]] == b"{}"
    assert [layer["digest"] for layer in manifest["layers"]] == [str(asset.sha256)]
    assert manifest["annotations"] == {
        "org.opencontainers.image.title": "v1.11.5/vmlinuz-amd64",
        "vnd.sidero-airgap.sha512": str(asset.sha512),
        "vnd.sidero-airgap.origin": asset.origin,
    }


def test_absent_boot_asset_gets_no_name(store: Store) -> None:
    with pytest.raises(PublishError):
        store.add_asset("v1.11.5/vmlinuz-amd64", _asset(b"kernel"))
    assert store.assets() == {}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "vmlinuz",
        "/v1/x",
        "v1//x",
        "v1/../x",
        "v1/.hidden",
        "v1/x\n",
        "v1/a b",
        "../v1/x",
        "v1/",
    ],
)
def test_key_that_is_no_safe_path_is_refused(store: Store, key: str) -> None:
    store.put(b"kernel")
    with pytest.raises(PublishError):
        store.add_asset(key, _asset(b"kernel"))


def _name_one(root: str, name: str, digest: str, size: int) -> None:
    descriptor = Descriptor(media_type=OCI_MANIFEST, digest=Digest.parse(digest), size=size)
    Store.open(Path(root)).name({name: descriptor})


def test_no_name_is_lost_between_processes(store: Store, image: Image) -> None:
    manifest = image.manifests[0]
    names = [f"ghcr.io/x/y:v{number}" for number in range(24)]
    arguments = [(str(store.root), name, str(manifest.digest), manifest.size) for name in names]
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in [pool.submit(_name_one, *argument) for argument in arguments]:
            future.result()
    assert set(store.names()) == set(names)


def test_no_name_is_lost_between_threads(store: Store, image: Image) -> None:
    manifest = image.manifests[0]
    names = [f"ghcr.io/x/y:v{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.name({name: manifest}), names))
    assert set(store.names()) == set(names)


def test_absent_store_names_fetch(tmp_path: Path) -> None:
    with pytest.raises(PublishError) as caught:
        Store.open(tmp_path / "store")
    assert "python -m airgap fetch" in caught.value.diagnostics()
    assert not (tmp_path / "store").exists()


def test_directory_with_other_things_is_not_made_a_store(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(PublishError, match="photos"):
        Store.open(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_layout_of_another_tool_can_be_opened_and_added_to(tmp_path: Path) -> None:
    """Image specification v1.1, image-layout.md: these two files and `blobs` are all there is."""
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    store = Store.open(tmp_path)
    store.put(b"kernel")
    store.add_asset("v1.11.5/vmlinuz-amd64", _asset(b"kernel"))
    assert store.verify() == ()
    assert list(store.assets()) == ["v1.11.5/vmlinuz-amd64"]


def test_half_made_store_is_completed(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    assert Store.open(tmp_path, create=True).names() == {}


def test_layout_of_another_version_is_refused(store: Store) -> None:
    path = store.root / "oci-layout"
    path.write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(PublishError, match=r"2\.0\.0"):
        Store.open(store.root)


def test_damaged_index_is_an_integrity_error(store: Store) -> None:
    (store.root / "index.json").write_text('{"schemaVersion": 2, "manifests": [{"digest": "x"}]}')
    with pytest.raises(IntegrityError):
        store.names()
