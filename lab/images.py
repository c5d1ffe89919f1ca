"""Container images made to order, as upstream has them, for any registry content.

Multi-platform indexes in OCI and Docker media types, shared layers, buildkit attestations in an
index, cosign `.sig` tags, and referrers, by fallback tag where a registry has no referrers API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airgap.oci import Manifest
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST
from lab.content import Content
from lab.layers import Layer, LayerForge
from lab.signing import sign

__all__ = ["ImageForge", "ImageSpec", "LayerSpec"]

_CREATED = "2025-11-24T00:00:00Z"
_OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
_EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
_SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

_MEDIA_TYPES = {
    "oci": (OCI_INDEX, OCI_MANIFEST, _OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip"),
    "docker": (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """A layer by key and weight; `{arch}` in the key makes it one per architecture."""

    key: str
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """An image to make: repository with its registry host as prefix, tag, layers."""

    repository: str
    tag: str
    layers: tuple[LayerSpec, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    media_types: str = "oci"
    architectures: tuple[str, ...] = ("amd64", "arm64")
    signed: bool = False
    attested: bool = False
    build_attestations: bool = False


class ImageForge:
    """Makes images and puts them into a registry's content.

    Args:
        content: Where they go.
        unit_bytes: Size of a layer of weight 1.
        has_referrers_api: Whether a repository's registry answers /referrers/.
    """

    def __init__(
        self, content: Content, *, unit_bytes: int, has_referrers_api: Callable[[str], bool]
    ) -> None:
        self._content = content
        self._layers = LayerForge(content.pool, unit_bytes)
        self._has_referrers_api = has_referrers_api

    def publish(self, spec: ImageSpec) -> Manifest:
        """Make the image with all that is attached to it; return its index."""
        children = [self._platform_manifest(spec, arch) for arch in spec.architectures]
        entries = [
            _descriptor(child, platform={"os": "linux", "architecture": arch})
            for child, arch in zip(children, spec.architectures, strict=True)
        ]
        if spec.build_attestations:
            entries += [self._build_attestation(spec.repository, child) for child in children]
        index_type = _MEDIA_TYPES[spec.media_types][0]
        index = {"schemaVersion": 2, "mediaType": index_type, "manifests": entries}
        manifest = self._put(spec.repository, index, tag=spec.tag)
        if spec.signed:
            self._sign(spec.repository, manifest)
        if spec.attested:
            self._attest(spec.repository, manifest)
        return manifest

    def _platform_manifest(self, spec: ImageSpec, arch: str) -> Manifest:
        layers = [
            self._layers.random(layer.key.format(arch=arch), layer.weight) for layer in spec.layers
        ]
        if spec.files:
            layers.append(self._layers.files(spec.files))
        for layer in layers:
            self._content.link(spec.repository, layer.digest)
        _, manifest_type, config_type, layer_type = _MEDIA_TYPES[spec.media_types]
        config = _image_config(spec, arch, layers)
        document = {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": self._blob(spec.repository, config, config_type),
            "layers": [
                {"mediaType": layer_type, "size": layer.size, "digest": layer.digest}
                for layer in layers
            ],
        }
        return self._put(spec.repository, document)

    def _build_attestation(self, repository: str, child: Manifest) -> dict[str, object]:
        """Make what buildkit adds to an index: a manifest for platform unknown/unknown."""
        statement = {"_type": "https://in-toto.io/Statement/v0.1", "subject": str(child.digest)}
        manifest = self._put(
            repository,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": self._blob(repository, _json({"rootfs": {}}), _OCI_CONFIG),
                "layers": [
                    self._blob(repository, _json(statement), "application/vnd.in-toto+json")
                ],
            },
        )
        entry = _descriptor(manifest, platform={"os": "unknown", "architecture": "unknown"})
        entry["annotations"] = {
            "vnd.docker.reference.digest": str(child.digest),
            "vnd.docker.reference.type": "attestation-manifest",
        }
        return entry

    def _sign(self, repository: str, subject: Manifest) -> None:
        """Put a signature with the lab's key, as cosign does: the tag `sha256-<hex>.sig`."""
        critical = {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": str(subject.digest)},
            "type": "cosign container image signature",
        }
        payload = _json({"critical": critical, "optional": None})
        layer = self._blob(repository, payload, _SIMPLE_SIGNING)
        layer["annotations"] = {"dev.cosignproject.cosign/signature": sign(payload)}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._blob(repository, _json({"rootfs": {}}), _OCI_CONFIG),
            "layers": [layer],
        }
        self._put(repository, document, tag=f"sha256-{subject.digest.hex}.sig")

    def _attest(self, repository: str, subject: Manifest) -> None:
        """Attach a sigstore bundle by its subject; fallback tag where there is no API."""
        bundle = _json({"mediaType": _BUNDLE, "dsseEnvelope": {"payload": str(subject.digest)}})
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": _BUNDLE,
            "config": self._blob(repository, b"{}", _EMPTY_CONFIG),
            "layers": [self._blob(repository, bundle, _BUNDLE)],
            "subject": _descriptor(subject),
        }
        manifest = self._put(repository, document)
        if self._has_referrers_api(repository):
            return
        entry = {**_descriptor(manifest), "artifactType": _BUNDLE}
        fallback = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        self._put(repository, fallback, tag=f"sha256-{subject.digest.hex}")

    def _blob(self, repository: str, data: bytes, media_type: str) -> dict[str, object]:
        digest = self._content.add_blob(repository, data)
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    def _put(
        self, repository: str, document: Mapping[str, object], *, tag: str | None = None
    ) -> Manifest:
        return self._content.put_manifest(repository, _json(document), tag=tag)


def _image_config(spec: ImageSpec, arch: str, layers: list[Layer]) -> bytes:
    return _json(
        {
            "created": _CREATED,
            "architecture": arch,
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.title": spec.repository}},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": _CREATED, "created_by": "lab"} for _ in layers],
        }
    )


def _descriptor(
    manifest: Manifest, *, platform: Mapping[str, str] | None = None
) -> dict[str, object]:
    entry: dict[str, object] = {
        "mediaType": manifest.media_type,
        "size": len(manifest.raw),
        "digest": str(manifest.digest),
    }
    if platform is not None:
        entry["platform"] = dict(platform)
    return entry


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2).encode()
