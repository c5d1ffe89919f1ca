"""Real content: container images of Debian's packages, and a release with a kernel that boots.

An image has one layer a package (as distroless images have), so that images and platforms share
what does not depend on them. The result is an OCI image layout, made by the OCI image
specification 1.1 and not by this project's code.
"""

import gzip
import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from tests.peers.initramfs import make_initramfs
from tools.peers import Peers
from tools.peers.folder import make_once, recipe_folder

__all__ = ["Architecture", "RealImage", "real_image", "write_release"]

Architecture = str
_RECIPE = 1  # raised when the code below makes another image of the same packages
_BUFFER_BYTES = 1 << 20
_MEDIA_TYPE = "application/vnd.oci.image"

Descriptor = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealImage:
    """A multi-platform image in an OCI layout of its own, not pushed yet.

    Attributes:
        layout: The layout's folder; its index.json has this image's index as its only entry.
        digest: Of the image's index.
        platforms: Digest of the manifest by architecture.
        layers: Digests of the layers by architecture, in order.
        size_bytes: Of all layers by architecture.
    """

    layout: Path
    digest: str
    platforms: Mapping[Architecture, str]
    layers: Mapping[Architecture, Sequence[str]]
    size_bytes: Mapping[Architecture, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """An OCI layout that is being written."""

    folder: Path
    layers: dict[Path, tuple[Descriptor, str]] = field(default_factory=dict)

    def write(self, data: bytes) -> tuple[str, int]:
        digest = hashlib.sha256(data).hexdigest()
        self.blob(digest).write_bytes(data)
        return f"sha256:{digest}", len(data)

    def blob(self, name: str) -> Path:
        path = self.folder / "blobs" / "sha256" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def real_image(peers: Peers, contents: Mapping[Architecture, Sequence[str]]) -> RealImage:
    """Return an image of the named packages for each architecture.

    It is built once a user, as the peers are, for that takes half a minute when it is large.

    Args:
        peers: Where the packages are.
        contents: Package names by architecture; a package for all architectures is taken where
            there is no other, and its layer is then the same everywhere.
    """
    packages = peers.path("packages")
    folder = recipe_folder("image", repr((_RECIPE, packages, contents)).encode())
    make_once(folder, lambda partial: _build(packages, partial, contents))
    return _read(folder)


def _build(packages: Path, folder: Path, contents: Mapping[Architecture, Sequence[str]]) -> None:
    layout = _Layout(folder=folder)
    manifests = []
    for architecture, names in contents.items():
        layers = [_add_layer(layout, _find(packages, name, architecture)) for name in names]
        manifest = _add_manifest(layout, architecture, layers)
        platform = {"os": "linux", "architecture": architecture}
        manifests.append({**manifest, "platform": platform})
    _add_index(layout, manifests)


def _read(layout: Path) -> RealImage:
    def parse(digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            (layout / "blobs" / digest.replace(":", "/")).read_bytes()
        )
        return document

    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    platforms = {
        entry["platform"]["architecture"]: entry["digest"] for entry in parse(digest)["manifests"]
    }
    layers = {architecture: parse(found)["layers"] for architecture, found in platforms.items()}
    return RealImage(
        layout=layout,
        digest=digest,
        platforms=platforms,
        layers={a: [layer["digest"] for layer in found] for a, found in layers.items()},
        size_bytes={a: sum(layer["size"] for layer in found) for a, found in layers.items()},
    )


def _find(packages: Path, name: str, architecture: Architecture) -> Path:
    own = list(packages.glob(f"{name}_*_{architecture}.deb"))
    (path,) = own or packages.glob(f"{name}_*_all.deb")
    return path


def _add_layer(layout: _Layout, deb: Path) -> tuple[Descriptor, str]:
    """Make a package's files a gzipped layer; return its descriptor and the tar's digest."""
    if deb not in layout.layers:
        partial = layout.blob("partial")
        with (
            subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar,
            partial.open("wb") as output,
        ):
            digest, diff_id = _compress(cast("IO[bytes]", tar.stdout), output)
        assert tar.returncode == 0, deb
        size = partial.stat().st_size
        partial.rename(layout.blob(digest.removeprefix("sha256:")))
        descriptor = _describe("layer.v1.tar+gzip", digest, size)
        layout.layers[deb] = descriptor, diff_id
    return layout.layers[deb]


def _compress(source: IO[bytes], destination: IO[bytes]) -> tuple[str, str]:
    """Gzip a stream, the same bytes each time; return the digests of the result and the source."""
    diff_id = hashlib.sha256()
    with gzip.GzipFile(
        filename="", mode="wb", fileobj=destination, compresslevel=1, mtime=0
    ) as packed:
        while chunk := source.read(_BUFFER_BYTES):
            diff_id.update(chunk)
            packed.write(chunk)
    destination.flush()
    with Path(destination.name).open("rb") as written:
        digest = hashlib.file_digest(written, "sha256")
    return f"sha256:{digest.hexdigest()}", f"sha256:{diff_id.hexdigest()}"


def _add_manifest(
    layout: _Layout, architecture: Architecture, layers: Sequence[tuple[Descriptor, str]]
) -> dict[str, object]:
    configuration = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/bin/busybox", "sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA_TYPE}.manifest.v1+json",
        "config": _describe("config.v1+json", *layout.write(json.dumps(configuration).encode())),
        "layers": [descriptor for descriptor, _ in layers],
    }
    return dict(_describe("manifest.v1+json", *layout.write(json.dumps(manifest).encode())))


def _add_index(layout: _Layout, manifests: Sequence[Descriptor]) -> None:
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA_TYPE}.index.v1+json",
        "manifests": manifests,
    }
    digest, size = layout.write(json.dumps(index).encode())
    top = {"schemaVersion": 2, "manifests": [_describe("index.v1+json", digest, size)]}
    (layout.folder / "index.json").write_text(json.dumps(top))
    (layout.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _describe(kind: str, digest: str, size: int) -> Descriptor:
    return {"mediaType": f"{_MEDIA_TYPE}.{kind}", "digest": digest, "size": size}


def write_release(peers: Peers, folder: Path, release: str, freight_bytes: int) -> None:
    """Write a release's kernel, initramfs and sha512sum.txt as Talos' release page has them.

    Args:
        peers: Where kernel, busybox and packages are.
        folder: The release's folder, as ``…/releases/download/v1.11.5``.
        release: What the initramfs says it is, when it runs.
        freight_bytes: How much the initramfs carries that does not compress; its size follows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (source,) = peers.path("packages").glob("linux-source-*_all.deb")
    with source.open("rb") as file:
        freight = file.read(freight_bytes)
    files = {
        "vmlinuz-amd64": peers.path("kernel").read_bytes(),
        "initramfs-amd64.xz": make_initramfs(peers.path("busybox"), release, freight),
    }
    sums = (f"{hashlib.sha512(data).hexdigest()}  {name}\n" for name, data in files.items())
    for name, data in {**files, "sha512sum.txt": "".join(sums).encode()}.items():
        (folder / name).write_bytes(data)
