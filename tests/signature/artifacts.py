"""Signatures as cosign lays them out in a registry: the `.sig` tag, and the bundle as a referrer.

Written from cosign's SIGNATURE_SPEC and BUNDLE_SPEC; tests/peers/test_signatures.py has the real
cosign read what is put here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from airgap.digest import sha256_of
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST
from lab.registryclient import RegistryClient
from lab.sigstore import Keyless

__all__ = ["payload_of", "push_bundle", "push_keyless", "push_signature", "statement_of"]

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "application/vnd.in-toto+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"


def payload_of(digest: str, *, kind: str = "cosign container image signature") -> bytes:
    """Return the simple signing payload about an image."""
    critical = {
        "identity": {"docker-reference": "registry.example/any"},
        "image": {"docker-manifest-digest": digest},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def statement_of(digest: str, *, predicate: str = "https://sigstore.dev/cosign/sign/v1") -> bytes:
    """Return the in-toto statement about an image."""
    subject = [{"name": "", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": predicate,
        "predicate": {},
    }
    return json.dumps(document).encode()


def push_keyless(client: RegistryClient, repository: str, digest: str, signed: Keyless) -> str:
    """Push a keyless signature in the older form; return the artifact's digest."""
    layer = (signed.message, signed.annotations())
    return push_signature(client, repository, digest, layer)


def push_signature(
    client: RegistryClient,
    repository: str,
    digest: str,
    *layers: tuple[bytes, Mapping[str, str]],
    suffix: str = ".sig",
) -> str:
    """Push signatures under the tag `sha256-<hex>.sig`; return the artifact's digest."""
    described = [
        _blob(client, repository, data, SIMPLE_SIGNING) | {"annotations": dict(annotations)}
        for data, annotations in layers
    ]
    config = _blob(client, repository, b'{"rootfs":{"type":"layers","diff_ids":[]}}', _CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": described,
    }
    tag = f"{digest.replace(':', '-')}{suffix}"
    return _manifest(client, repository, document, tag)[0]


def push_bundle(
    client: RegistryClient, repository: str, digest: str, bundle: bytes, *, fallback: bool = False
) -> str:
    """Push a bundle as a referrer, listed by the fallback tag if asked; return its digest."""
    subject = client.manifest(repository, digest)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": BUNDLE,
        "config": _blob(client, repository, b"{}", _EMPTY),
        "layers": [_blob(client, repository, bundle, BUNDLE)],
        "subject": {
            "mediaType": subject.media_type,
            "digest": digest,
            "size": len(subject.raw),
        },
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        },
    }
    artifact, size = _manifest(client, repository, document, "")
    if fallback:
        entry = {
            "mediaType": OCI_MANIFEST,
            "digest": artifact,
            "size": size,
            "artifactType": BUNDLE,
            "annotations": document["annotations"],
        }
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        _manifest(client, repository, index, digest.replace(":", "-"))
    return artifact


def _blob(client: RegistryClient, repository: str, data: bytes, kind: str) -> dict[str, object]:
    digest = client.put_blob(repository, data)
    return {"mediaType": kind, "digest": digest, "size": len(data)}


def _manifest(
    client: RegistryClient, repository: str, document: Mapping[str, object], tag: str
) -> tuple[str, int]:
    raw = json.dumps(document).encode()
    digest = str(sha256_of(raw))
    client.put_manifest(repository, raw, str(document["mediaType"]), reference=tag or digest)
    return digest, len(raw)
