"""The registryd of the lab against the rules of Talos v1.9.6 to v1.13.9 (`services/registry`).

Statuses and paths are read from that source; the digests are sha256 of the bytes beside them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.imagecache.tree import Tree
from lab.registryd import MissedError, PulledFromCache, Registryd
from tests.lab.cached import (
    CONFIG,
    HOME,
    INDEX,
    LAYER,
    PLATFORM,
    cached_image,
    digest_of,
    file_name,
)

_ALL = ("v1.9.6", "v1.10.9", "v1.11.5", "v1.12.11", "v1.13.9")
_OCI = "application/vnd.oci.image"


def _registryd(files: dict[str, bytes], talos: str = "v1.11.5", *empty: str) -> Registryd:
    return Registryd([Tree(files=files, directories=frozenset(empty))], talos=talos)


@pytest.mark.parametrize("talos", _ALL)
def test_tagged_image_is_pulled_whole(talos: str) -> None:
    pulled = _registryd(cached_image(), talos).pull("ghcr.io/siderolabs/installer:v1.11.5")

    assert pulled == PulledFromCache(
        digest=digest_of(INDEX),
        platform_digest=digest_of(PLATFORM),
        blobs=(digest_of(CONFIG), digest_of(LAYER)),
    )


@pytest.mark.parametrize("talos", _ALL)
def test_tag_answers_with_digest_and_media_type(talos: str) -> None:
    found = _registryd(cached_image(), talos).manifest("siderolabs/installer", "v1.11.5", "ghcr.io")

    assert (found.status, found.media_type) == (200, f"{_OCI}.index.v1+json")
    assert (found.digest, found.body) == (digest_of(INDEX), INDEX)


@pytest.mark.parametrize("talos", _ALL)
def test_absent_tag_is_not_found(talos: str) -> None:
    found = _registryd(cached_image(), talos).manifest("siderolabs/installer", "v1.11.6", "ghcr.io")
    assert found.status == 404


@pytest.mark.parametrize("talos", _ALL)
def test_tag_without_its_digest_file_is_an_internal_error(talos: str) -> None:
    files = cached_image()
    del files[f"{HOME}/digest/{file_name(digest_of(INDEX))}"]
    found = _registryd(files, talos).manifest("siderolabs/installer", "v1.11.5", "ghcr.io")
    assert found.status == 500


def test_tag_whose_digest_file_has_other_bytes_is_an_internal_error() -> None:
    files = cached_image() | {f"{HOME}/digest/{file_name(digest_of(INDEX))}": b"other"}
    found = _registryd(files).manifest("siderolabs/installer", "v1.11.5", "ghcr.io")
    assert found.status == 500


@pytest.mark.parametrize(
    ("talos", "status"), [("v1.9.6", 400), ("v1.11.5", 400), ("v1.12.11", 200), ("v1.13.9", 200)]
)
def test_request_without_namespace(talos: str, status: int) -> None:
    found = _registryd(cached_image(), talos).manifest("siderolabs/installer", "v1.11.5", None)
    assert found.status == status


def test_namespace_is_found_by_the_directory_reference_only() -> None:
    digest = digest_of(PLATFORM)
    files = {f"{HOME}/digest/{file_name(digest)}": PLATFORM}

    without = _registryd(files, "v1.12.11").manifest("siderolabs/installer", digest, None)
    with_it = _registryd(files, "v1.12.11", f"{HOME}/reference")

    assert without.status == 400
    assert with_it.manifest("siderolabs/installer", digest, None).status == 200


@pytest.mark.parametrize(
    ("talos", "status"), [("v1.9.6", 500), ("v1.11.5", 500), ("v1.12.11", 500), ("v1.13.9", 200)]
)
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ({"manifests": []}, f"{_OCI}.index.v1+json"),
        ({"config": {}}, f"{_OCI}.manifest.v1+json"),
        ({"layers": []}, f"{_OCI}.manifest.v1+json"),
    ],
)
def test_manifest_that_does_not_say_its_media_type(
    body: dict[str, object], media_type: str, talos: str, status: int
) -> None:
    raw = json.dumps(body).encode()
    files = {f"{HOME}/digest/{file_name(digest_of(raw))}": raw}

    found = _registryd(files, talos).manifest("siderolabs/installer", digest_of(raw), "ghcr.io")

    assert (found.status, found.media_type) == (status, media_type if status == 200 else "")


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"nonsense"])
@pytest.mark.parametrize("talos", _ALL)
def test_file_that_is_no_manifest_is_an_internal_error(raw: bytes, talos: str) -> None:
    files = {f"{HOME}/digest/{file_name(digest_of(raw))}": raw}
    found = _registryd(files, talos).manifest("siderolabs/installer", digest_of(raw), "ghcr.io")
    assert found.status == 500


@pytest.mark.parametrize(
    ("ns", "name", "home"),
    [
        ("docker.io", "library/nginx", "docker.io/library/nginx"),
        ("docker.io", "nginx", "docker.io/library/nginx"),
        ("index.docker.io", "library/nginx", "docker.io/library/nginx"),
        ("registry.example:5000", "a/b", "registry.example_5000_/a/b"),
        ("localhost:5000", "a", "localhost_5000_/a"),
    ],
)
def test_where_a_repository_is_looked_for(ns: str, name: str, home: str) -> None:
    registryd = _registryd(cached_image(f"manifests/{home}", "1"))
    assert registryd.manifest(name, "1", ns).status == 200


def test_index_docker_io_has_no_directory_of_its_own() -> None:
    registryd = _registryd(cached_image("manifests/index.docker.io/library/nginx", "1"))
    assert registryd.manifest("library/nginx", "1", "index.docker.io").status == 404


def test_port_is_part_of_a_registry_that_is_searched_for() -> None:
    files = cached_image("manifests/registry.example_5000_/a/b", "1")
    assert _registryd(files, "v1.12.11").manifest("a/b", "1", None).status == 200


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("siderolabs/installer", "sha256:abc"),
        ("siderolabs/installer", "sha512:" + "a" * 128),
        ("siderolabs/installer", ".tag"),
        ("siderolabs/installer", "t" * 129),
        ("Siderolabs/installer", "v1.11.5"),
        ("siderolabs//installer", "v1.11.5"),
    ],
)
def test_malformed_reference_is_a_bad_request(name: str, reference: str) -> None:
    assert _registryd(cached_image()).manifest(name, reference, "ghcr.io").status == 400


def test_blob_is_found_under_any_repository_with_a_namespace() -> None:
    registryd = _registryd(cached_image())

    assert registryd.blob("no/such", digest_of(LAYER), "quay.io").body == LAYER
    assert registryd.blob("no/such", digest_of(LAYER), None).status == 400


@pytest.mark.parametrize(
    ("talos", "status"), [("v1.9.6", 500), ("v1.11.5", 500), ("v1.12.11", 404), ("v1.13.9", 404)]
)
def test_absent_digest(talos: str, status: int) -> None:
    """`os.IsNotExist` does not look into the error of several roots; `errors.Is` (1.12) does."""
    registryd = _registryd(cached_image(), talos)
    absent = digest_of(b"absent")
    assert registryd.manifest("siderolabs/installer", absent, "ghcr.io").status == status
    assert registryd.blob("siderolabs/installer", absent, "ghcr.io").status == status


def test_preferred_root_comes_first_and_others_fill_in(tmp_path: Path) -> None:
    disk = tmp_path / f"{HOME}/reference"
    disk.mkdir(parents=True)
    (disk / "v1.11.5").write_bytes(PLATFORM)

    registryd = Registryd([tmp_path, Tree(files=cached_image())], talos="v1.11.5")

    assert registryd.pull("ghcr.io/siderolabs/installer:v1.11.5").digest == digest_of(PLATFORM)


def test_directory_on_disk_answers_as_the_tree_that_it_holds(tmp_path: Path) -> None:
    for path, content in cached_image().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)

    registryd = Registryd([tmp_path], talos="v1.12.11")

    assert registryd.manifest("siderolabs/installer", "v1.11.5", None).body == INDEX
    assert registryd.pull(f"ghcr.io/siderolabs/installer@{digest_of(INDEX)}").blobs


@pytest.mark.parametrize(
    ("reference", "platform"),
    [
        ("ghcr.io/siderolabs/installer:v1.11.5", "linux/arm64"),  # named, but not in the cache
        ("ghcr.io/siderolabs/installer:v1.11.5", "linux/riscv64"),
        ("ghcr.io/siderolabs/installer:v1.11.6", "linux/amd64"),
        ("quay.io/siderolabs/installer:v1.11.5", "linux/amd64"),
    ],
)
def test_what_the_cache_does_not_hold_is_not_pulled(reference: str, platform: str) -> None:
    with pytest.raises(MissedError):
        _registryd(cached_image()).pull(reference, platform)


@pytest.mark.parametrize("damaged", [LAYER, CONFIG])
def test_damaged_or_absent_blob_is_not_pulled(damaged: bytes) -> None:
    path = f"blob/{file_name(digest_of(damaged))}"
    absent = {name: content for name, content in cached_image().items() if name != path}
    for files in (cached_image() | {path: b"other"}, absent):
        with pytest.raises(MissedError):
            _registryd(files).pull("ghcr.io/siderolabs/installer:v1.11.5")
