"""Catalogue images read by their layers, and names held against them.

Layers: OCI image specification v1.1, `layer.md` ("Whiteouts") and `media-types.md`. Files of a
catalogue and the alias table: siderolabs/image-factory v1.5.0, `internal/artifacts`.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from airgap.digest import sha256_of
from airgap.errors import IntegrityError, UpstreamError
from airgap.oci import Descriptor, Manifest, parse_manifest, parse_reference
from airgap.resolve.catalogue import (
    aliases_of,
    find_named,
    parse_extensions,
    parse_overlays,
    read_extensions,
    read_overlays,
    unknown_name,
)
from airgap.schematic import EXTENSION_ALIASES
from lab.artifacts import ALIASES as FACTORY_ALIASES

CATALOGUE = parse_reference("ghcr.io/siderolabs/extensions:v1.11.5")
LINE = f"ghcr.io/siderolabs/gvisor:1@sha256:{'a' * 64}"
OLD_LINE = f"ghcr.io/siderolabs/old:1@sha256:{'b' * 64}"
OCI = "application/vnd.oci.image.layer.v1."
DOCKER = "application/vnd.docker.image.rootfs.diff."
DIGESTS = "image-digests"
Layer = tuple[str, bytes]


class OneImage:
    """An in-memory registry of one image; an `ImageSource` and its reader."""

    def __init__(self, *layers: Layer, platform: dict[str, str] | None = None) -> None:
        self.blobs = {sha256_of(data): data for _, data in layers}
        document = {
            "schemaVersion": 2,
            "config": _describe("application/vnd.oci.image.config.v1+json", b"{}"),
            "layers": [_describe(kind, data) for kind, data in layers],
        }
        self.root = parse_manifest(json.dumps(document).encode())
        self.manifests = {str(self.root.digest): self.root}
        if platform is not None:
            entry = {**_describe(self.root.media_type, self.root.raw), "platform": platform}
            index = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [entry],
            }
            self.root = parse_manifest(json.dumps(index).encode())
            self.manifests[str(self.root.digest)] = self.root

    def locate(self, registry_host: str, repository: str) -> tuple[OneImage, str]:
        assert registry_host == CATALOGUE.registry
        return self, repository

    def manifest(self, repository: str, reference: str) -> Manifest:
        assert repository == CATALOGUE.repository
        return self.manifests[reference]

    def head_manifest(self, repository: str, reference: str) -> Descriptor | None:
        return self.manifest(repository, reference).descriptor

    def read_blob(self, repository: str, descriptor: Descriptor, *, max_bytes: int) -> bytes:
        assert repository == CATALOGUE.repository
        assert descriptor.size <= max_bytes
        return self.blobs[descriptor.digest]

    def extensions(self) -> list[str]:
        found = read_extensions(self, CATALOGUE, self.root.digest)
        return [str(item.reference) for item in found.values()]

    def overlays(self) -> list[str]:
        return list(read_overlays(self, CATALOGUE, self.root.digest))


def _describe(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": str(sha256_of(data)), "size": len(data)}


def layer(files: dict[str, str], *, kind: str = f"{OCI}tar") -> Layer:
    """Pack files into an uncompressed layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return kind, buffer.getvalue()


def gzipped(made: Layer, *, kind: str = f"{OCI}tar+gzip") -> Layer:
    """Return the layer, compressed."""
    return kind, gzip.compress(made[1])


# Layers


@pytest.mark.parametrize("kind", [f"{OCI}tar+gzip", f"{DOCKER}tar.gzip"])
def test_the_last_layers_file_counts_gzip_or_not(kind: str) -> None:
    last = gzipped(layer({f"./{DIGESTS}": f"# comment\n{LINE}\n"}), kind=kind)
    image = OneImage(
        layer({DIGESTS: OLD_LINE}, kind=kind.removesuffix("+gzip")[:-5] + ".tar"), last
    )
    assert image.extensions() == [LINE]


@pytest.mark.parametrize("whiteout", [f".wh.{DIGESTS}", ".wh..wh..opq"])
def test_a_whiteout_removes_the_file_of_the_layers_below(whiteout: str) -> None:
    below = layer({DIGESTS: OLD_LINE})
    with pytest.raises(UpstreamError, match="has no file image-digests"):
        OneImage(below, layer({whiteout: ""})).extensions()
    # of one layer, what it adds stays, whichever comes first
    for files in ({whiteout: "", DIGESTS: LINE}, {DIGESTS: LINE, whiteout: ""}):
        assert OneImage(below, layer(files)).extensions() == [LINE]


def test_a_whiteout_of_another_file_removes_nothing() -> None:
    image = OneImage(layer({DIGESTS: LINE}), layer({".wh.descriptions.yaml": "", "usr/.wh.x": ""}))
    assert image.extensions() == [LINE]


def test_files_below_the_root_are_not_the_catalogue() -> None:
    with pytest.raises(UpstreamError, match="has no file image-digests"):
        OneImage(layer({f"etc/{DIGESTS}": LINE})).extensions()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ((f"{OCI}tar+gzip", b"no gzip"), "is no archive"),
        ((f"{OCI}tar+zstd", b"(\xb5/\xfd"), r"tar\+zstd cannot be read"),
        ((f"{OCI}tar+gzip", gzipped(layer({DIGESTS: LINE}))[1][:-40]), "is no archive"),
        (gzipped(layer({DIGESTS: " " * (8 * 1024**2 + 1)})), "larger than 8388608 bytes"),
        (layer({DIGESTS: "ghcr.io/siderolabs/gvisor@sha256:abc"}), "is not a digest"),
        (layer({DIGESTS: LINE, "descriptions.yaml": "a: ["}), "descriptions.yaml is no YAML"),
        (layer({DIGESTS: LINE, "descriptions.yaml": "[]"}), "descriptions.yaml is no mapping"),
    ],
)
def test_a_damaged_catalogue_is_refused(bad: Layer, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        OneImage(bad).extensions()


def test_of_an_index_the_amd64_image_is_read() -> None:
    files = layer({DIGESTS: LINE})
    amd64 = {"os": "linux", "architecture": "amd64"}
    assert OneImage(files, platform=amd64).extensions() == [LINE]
    with pytest.raises(UpstreamError, match="no linux/amd64 image"):
        OneImage(files, platform={**amd64, "architecture": "arm64"}).extensions()


# Extensions


def test_author_and_description_are_found_by_the_whole_line() -> None:
    descriptions = (
        f"{LINE}:\n  author: Sidero Labs\n  description: |\n    [a] Sandboxes.\n    More.\n"
    )
    found = parse_extensions(f"{LINE}\n{OLD_LINE}\n", descriptions, image=CATALOGUE)
    gvisor, old = found.values()
    assert list(found) == ["siderolabs/gvisor", "siderolabs/old"]
    assert (gvisor.author, gvisor.description) == ("Sidero Labs", "[a] Sandboxes. More.")
    assert (old.author, old.description) == ("", "")


# Overlays

ENTRY = (
    "name: rpi_generic, image: 'ghcr.io/siderolabs/sbc-raspberrypi:v0.1.5', "
    f"digest: 'sha256:{'c' * 64}'"
)


def test_overlays_are_read_by_name_and_may_share_an_image() -> None:
    text = f"overlays:\n- {{{ENTRY}}}\n- {{{ENTRY.replace('rpi_generic', 'rpi_5')}}}\n"
    found = parse_overlays(text, image=CATALOGUE)
    assert list(found) == ["rpi_generic", "rpi_5"]
    (reference,) = {str(item.reference) for item in found.values()}
    assert reference == f"ghcr.io/siderolabs/sbc-raspberrypi:v0.1.5@sha256:{'c' * 64}"
    assert OneImage(layer({"overlays.yaml": text})).overlays() == list(found)


@pytest.mark.parametrize("text", ["", "overlays: []", "overlays:", "{}"])
def test_a_release_may_have_no_overlays(text: str) -> None:
    assert parse_overlays(text, image=CATALOGUE) == {}


@pytest.mark.parametrize(
    "text",
    [
        "overlays: [",
        "[]",
        "overlays: {}",
        "overlays: [rpi]",
        f"overlays: [{{{ENTRY.replace('sha256:c', 'c')}}}]",
        f"overlays: [{{{ENTRY.replace('name:', 'called:')}}}]",
        f"overlays: [{{{ENTRY.replace('ghcr.io/siderolabs', 'ghcr.io/Sidero Labs')}}}]",
    ],
)
def test_what_is_no_list_of_overlays_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"overlays\.yaml"):
        parse_overlays(text, image=CATALOGUE)


def test_an_image_without_overlays_says_so() -> None:
    with pytest.raises(UpstreamError, match=r"has no file overlays\.yaml"):
        OneImage(layer({DIGESTS: LINE})).overlays()


# Names


def test_an_exact_name_goes_before_an_alias() -> None:
    both = {"siderolabs/i915": 1, "siderolabs/i915-ucode": 2}
    assert find_named("extension", both, "siderolabs/i915-ucode") == 2
    assert find_named("extension", {"siderolabs/i915": 1}, "siderolabs/i915-ucode") == 1
    assert find_named("extension", both, "siderolabs/amdgpu-firmware") is None
    assert find_named("overlay", {"siderolabs/i915": 1}, "siderolabs/i915-ucode") is None


def test_aliases_are_those_of_the_factory() -> None:
    assert dict(EXTENSION_ALIASES) == FACTORY_ALIASES
    assert aliases_of("siderolabs/i915") == ("siderolabs/i915-ucode",)
    assert aliases_of("siderolabs/gvisor") == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rpi-generic", "did you mean rpi_generic or rpi_poe?"),
        ("rpi_5", "did you mean rpi_generic or"),
        ("jetson", "listed by: python -m airgap extensions v1.11.5 --overlays"),
    ],
)
def test_an_unknown_overlay_names_the_class_and_what_may_have_been_meant(
    name: str, hint: str
) -> None:
    known = ("rock5b", "rpi_generic", "rpi_poe")
    error = unknown_name("overlay", name, known, talos="v1.11.5", classes=("pis",))
    (fault,) = error.faults
    assert fault.path == "serverClasses.pis.overlay.name"
    assert fault.message == f"Talos v1.11.5 has no overlay {name!r}"
    assert fault.hint.startswith(hint)
