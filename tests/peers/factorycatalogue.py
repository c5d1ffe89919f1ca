"""A registry's content that an Image Factory can work with, made by the test: no bytes of Talos.

The images are the lab's, at the places where a factory looks for them: `siderolabs/<name>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.collection import Collection
from lab.content import Content, Repository
from lab.images import ImageForge, ImageSpec
from lab.registryclient import RegistryClient
from tests.peers.certificates import Certificates
from tests.peers.registries import serve_registry
from tools.peers import Peers

__all__ = ["RELEASE", "VERSIONS", "fill_storage", "imager_file", "publish_catalogue"]

RELEASE = "v1.11.5"
VERSIONS = (
    *("v1.6.7", "v1.7.6", "v1.8.4", "v1.9.5", "v1.10.9", "v1.11.5", "v1.12.4"),
    "v1.13.0-beta.1",
)
"""What is on offer; early releases of the newest minor are."""
_NOT_OFFERED = ("v1.1.9", "v1.12.0-rc.0", "v1.13.0-dev.1", "v1.13.0-alpha.1.2", "main")
"""Below the minimum, of an older minor, of a kind that is not offered, and no version."""
_UPSTREAM = "ghcr.io/"
_BOOT_FILES = ("vmlinuz", "initramfs.xz", "systemd-boot.efi", "systemd-stub.efi")


def imager_file(arch: str, name: str) -> bytes:
    """Return what the imager holds as `usr/install/<arch>/<name>`."""
    return b"MZ" + f"{name} for {arch}, of no real kernel\n".encode() * 20


def publish_catalogue(content: Content, *, prefix: str = "") -> None:
    """Put a release there whole: imager, installers, catalogues, extensions, overlays.

    Every image is signed with the lab's key. The places begin with `prefix`.
    """
    Collection(content, total_bytes=200_000, has_referrers_api=lambda _: False).publish_release(
        RELEASE
    )
    files = {
        f"usr/install/{arch}/{name}": imager_file(arch, name)
        for arch in ("amd64", "arm64")
        for name in _BOOT_FILES
    }
    forge = ImageForge(content, unit_bytes=1, has_referrers_api=lambda _: False)
    imager = forge.publish(
        ImageSpec(repository="ghcr.io/siderolabs/imager", tag=RELEASE, files=files, signed=True)
    )
    for tag in (*VERSIONS, *_NOT_OFFERED):
        content.tag("ghcr.io/siderolabs/imager", tag, str(imager.digest))
    for name in content.names:
        if name.startswith(f"{_UPSTREAM}siderolabs/"):
            _mount(content, name, prefix + name.removeprefix(_UPSTREAM))


def fill_storage(
    peers: Peers, certificates: Certificates, folder: Path, repositories: Sequence[str]
) -> Path:
    """Put some of the catalogue's repositories into a distribution v3; return its storage."""
    content = Content()
    publish_catalogue(content)
    with (
        serve_registry(peers, "registry", certificates, folder) as registry,
        RegistryClient(registry.url, ca_file=certificates.authority) as client,
    ):
        for name in repositories:
            _push(content, name, client)
        return registry.storage


def _mount(content: Content, source: str, target: str) -> None:
    repository = content.repository(source)
    assert repository is not None
    for digest in repository.blobs:
        content.link(target, digest)
    for manifest in sorted(repository.manifests.values(), key=lambda each: each.is_index):
        content.put_manifest(target, manifest.raw, media_type=manifest.media_type)
    for tag, digest in repository.tags.items():
        content.tag(target, tag, digest)


def _push(content: Content, name: str, client: RegistryClient) -> None:
    repository = content.repository(name)
    assert repository is not None, f"the catalogue has no {name}"
    for digest in sorted(repository.blobs):
        client.put_blob(name, content.pool.read(digest))
    for manifest in sorted(repository.manifests.values(), key=lambda each: each.is_index):
        digest = str(manifest.digest)
        for reference in (digest, *_tags(repository, digest)):
            client.put_manifest(name, manifest.raw, manifest.media_type, reference=reference)


def _tags(repository: Repository, digest: str) -> list[str]:
    return [tag for tag, target in repository.tags.items() if target == digest]
