"""What is moved: images of random bytes, some of whose layers are shared, and a site with them."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import yaml

from airgap.lock import SITE_IMAGES, AssetPin, ImagePin, Lock, fingerprint, write_lock
from airgap.oci.manifest import OCI_MANIFEST
from airgap.site.load import load_site
from airgap.store import hash_file

__all__ = ["HOST", "SITE", "Image", "find_layers", "push_images", "write_project"]

SITE = "bench"
HOST = "registry.upstream.example"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PIECE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that was pushed."""

    repository: str
    tag: str
    digest: str
    size: int

    def at(self, host: str) -> str:
        """Return its reference in a registry."""
        return f"{host}/{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bytes:
    """Random bytes that are made again from their seed: a bench must not weigh what it makes."""

    seed: str
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes, at most a mebibyte at a time."""
        source, left = Random(self.seed), self.size  # noqa: S311 (no secret)
        while left:
            yield source.randbytes(min(left, _PIECE))
            left -= min(left, _PIECE)

    def digest(self) -> str:
        """Return their digest."""
        hasher = hashlib.sha256()
        for piece in self.pieces():
            hasher.update(piece)
        return f"sha256:{hasher.hexdigest()}"


def push_images(
    host: str, count: int, *, layer_bytes: int, own: int = 3, shared: int = 3, prefix: str = "team"
) -> list[Image]:
    """Make images and push them to a registry on plain HTTP."""
    connection = http.client.HTTPConnection(host, blocksize=2**20)
    run = os.urandom(8).hex()
    common = [_Bytes(seed=f"{run} {number}", size=layer_bytes) for number in range(shared)]
    images = []
    for image in range(count):
        mine = [f"{run} {image} {number}" for number in range(own)]
        layers = [*common, *(_Bytes(seed=seed, size=layer_bytes) for seed in mine)]
        images.append(_push(connection, f"{prefix}/image-{image}", layers))
    connection.close()
    return images


def find_layers(host: str, images: Iterable[Image]) -> dict[str, tuple[str, ...]]:
    """Return the digests of each image's layers, by repository, as a registry has them."""
    found = {}
    connection = http.client.HTTPConnection(host)
    for image in images:
        target = f"/v2/{image.repository}/manifests/{image.tag}"
        connection.request("GET", target, headers={"Accept": OCI_MANIFEST})
        layers = json.loads(connection.getresponse().read())["layers"]
        found[image.repository] = tuple(layer["digest"] for layer in layers)
    connection.close()
    return found


def _push(
    connection: http.client.HTTPConnection, repository: str, layers: Sequence[_Bytes]
) -> Image:
    described = [_put_layer(connection, repository, layer) for layer in layers]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
            "author": repository,
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _put_config(connection, repository, config),
            "layers": described,
        }
    ).encode()
    _send(connection, "PUT", f"/v2/{repository}/manifests/v1", manifest, OCI_MANIFEST)
    size = len(manifest) + len(config) + sum(layer.size for layer in layers)
    return Image(repository=repository, tag="v1", digest=_digest(manifest), size=size)


def _put_layer(
    connection: http.client.HTTPConnection, repository: str, layer: _Bytes
) -> dict[str, object]:
    digest = layer.digest()
    _upload(connection, repository, digest, layer.pieces(), layer.size)
    return {"mediaType": _LAYER, "digest": digest, "size": layer.size}


def _put_config(
    connection: http.client.HTTPConnection, repository: str, data: bytes
) -> dict[str, object]:
    _upload(connection, repository, _digest(data), [data], len(data))
    return {"mediaType": _CONFIG, "digest": _digest(data), "size": len(data)}


def _upload(
    connection: http.client.HTTPConnection,
    repository: str,
    digest: str,
    pieces: Iterable[bytes],
    size: int,
) -> None:
    location = _send(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"")
    parts = urlsplit(location)
    query = f"{parts.query}&" if parts.query else ""
    target = f"{parts.path}?{query}digest={digest}"
    _send(connection, "PUT", target, pieces, size=size)


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    data: bytes | Iterable[bytes],
    media_type: str = "application/octet-stream",
    *,
    size: int | None = None,
) -> str:
    headers = {"Content-Type": media_type} | ({"Content-Length": str(size)} if size else {})
    connection.request(method, target, body=data, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status not in (201, 202):
        raise RuntimeError(f"{method} {target}: {answer.status}")
    return answer.headers.get("Location", "")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write_project(
    folder: Path,
    images: Sequence[Image],
    assets: Mapping[str, Path],
    *,
    source: str,
    destination: str,
    releases: str,
) -> None:
    """Write a project with one site and its lock; `assets` are files by `<version>/<name>`."""
    (folder / "stacks").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text("name: sidero-airgap\nruntime: python\n")
    site = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "images": [image.at(HOST) for image in images],
        "registry": {
            "kind": "existing",
            "endpoints": [{"url": f"http://{destination}"}],
            "layout": "flat",
        },
        "assetMirror": {"kind": "embedded", "url": "https://artifacts.example"},
        "sidero": {"version": "v0.6.13"},
        "upstream": {"registries": {HOST: f"http://{source}"}, "releases": f"http://{releases}"},
    }
    stack = folder / "stacks" / f"Pulumi.{SITE}.yaml"
    stack.write_text(yaml.safe_dump({"config": {"sidero-airgap:site": site}}))
    write_lock(folder / "stacks" / f"{SITE}.lock.json", _lock(stack, images, assets))


def _lock(stack: Path, images: Sequence[Image], assets: Mapping[str, Path]) -> Lock:
    return Lock(
        inputs=fingerprint(load_site(stack)),
        images={
            image.at(HOST): ImagePin(
                digest=image.digest,
                media_type=OCI_MANIFEST,
                size=image.size,
                need="workloads",
                needed_by=(SITE_IMAGES,),
            )
            for image in images
        },
        assets={name: _pin(name, path) for name, path in assets.items()},
    )


def _pin(name: str, path: Path) -> AssetPin:
    found = hash_file(path, also_sha512=True)
    return AssetPin(
        sha256=str(found.sha256),
        sha512=str(found.sha512),
        size=found.size,
        url=f"https://github.com/siderolabs/talos/releases/download/{name}",
        needed_by=("bench",),
    )
